"""Brings all pictures of an answer here, at the same time."""

from __future__ import annotations

import asyncio

from . import pictures
from .answers import Drawn
from .errors import NoPictures, PictureBroken, PictureError
from .pictures import Picture
from .regions import ApiHost
from .transport import Transport
from .waiting import DeadlinePassed, Waiting

PATIENCE = 180  # seconds at least for downloads, however much of the user's time-out the drawing took


async def fetch(transport: Transport, host: ApiHost, drawn: Drawn, waiting: Waiting) -> tuple[list[Picture], list[str]]:
    """The pictures in the service's order, and notes on those that cannot be had.

    Raises NoPictures where none was drawn, the first picture's PictureError where none arrives, Interrupted.
    """
    if not drawn.links and drawn.failures:
        raise NoPictures(
            f"The service drew no picture: {'; '.join(dict.fromkeys(drawn.failures))}.",
            "Failed pictures are not billed. Try another seed or prompt.",
        )
    if not drawn.links:
        raise NoPictures(
            "The service says it is done, but gave no picture.",
            "It may be billed. Look at the usage page of the console, and report this with the request id.",
        )
    waiting.extend(PATIENCE)
    arrived = 0

    def tell() -> None:
        waiting.tell(f"downloading {arrived}/{len(drawn.links)}", timed=False)

    async def one(link: str) -> Picture | PictureError:
        nonlocal arrived
        try:
            picture = await _fetch_one(transport, host, link, waiting)
        except PictureError as error:
            return error
        arrived += 1
        tell()
        return picture

    tell()
    outcomes = await asyncio.gather(*map(one, drawn.links))
    got = [outcome for outcome in outcomes if isinstance(outcome, Picture)]
    errors = [outcome for outcome in outcomes if isinstance(outcome, PictureError)]
    if not got:
        raise errors[0]
    notes = [f"A picture was not drawn: {failure}." for failure in drawn.failures]
    notes += [f"A picture was lost: {error}" for error in errors]
    notes += dict.fromkeys(picture.note for picture in got if picture.note)
    return got, notes


async def _fetch_one(transport: Transport, host: ApiHost, link: str, waiting: Waiting) -> Picture:
    """Downloads and decodes; a damaged file is fetched a second time."""
    address = pictures.check_link(link, host)
    shown = pictures.host_of(address)
    try:
        try:
            return await waiting.run(pictures.decode, await transport.picture(address, waiting), shown)
        except PictureBroken:
            return await waiting.run(pictures.decode, await transport.picture(address, waiting), shown)
    except DeadlinePassed:
        raise pictures.unreachable(shown, "the time is over") from None
