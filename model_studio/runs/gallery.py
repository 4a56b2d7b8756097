"""Brings all pictures of an answer here, at the same time: from the store, else from their links."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from ..account.regions import ApiHost
from ..errors import NoPictures, PictureBroken, PictureError, PictureUnreadable
from ..ledger.session import StoredPictures
from ..service import links
from ..service.answers import Drawn, one_line
from ..service.transport import Transport
from ..threads import start
from ..waiting import DeadlinePassed, Waiting
from ..words import Text
from . import pictures
from .pictures import Picture

PATIENCE = 180  # seconds at least for downloads, however much of the user's time-out the drawing took


class Fetched(NamedTuple):
    """Pictures in the service's order, and notes on those that are missing.

    `may_come`: whether one is missing that another run may bring, as long as the service keeps it. That is not so where
    the service drew none, or a file of a kind that is not opened here.
    """

    pictures: list[Picture]
    notes: list[Text]
    may_come: bool


async def fetch(transport: Transport, host: ApiHost, drawn: Drawn, waiting: Waiting, store: StoredPictures) -> Fetched:
    """What of an answer's pictures comes. What is fetched is kept first.

    Raises NoPictures where none was drawn, the first picture's PictureError where none arrives, Interrupted.
    """
    if not drawn.links and drawn.failures:
        raise NoPictures(
            Text("The service drew no picture: {failures}.", failures="; ".join(dict.fromkeys(drawn.failures))),
            Text("Failed pictures are not billed. Try another seed or prompt."),
        )
    if not drawn.links and drawn.said:
        raise NoPictures(
            Text('The service drew no picture. It says: "{message}"', message=one_line(" ".join(drawn.said))),
            Text("It may be billed: look at the usage page of the console. Change the prompt, and queue again."),
        )
    if not drawn.links:
        raise NoPictures(
            Text("The service says it is done, but gave no picture."),
            Text("It may be billed. Look at the usage page of the console, and report this with the request id."),
        )
    waiting.extend(PATIENCE)
    arrived = 0

    def tell() -> None:
        waiting.tell(Text("downloading {arrived}/{count}", arrived=arrived, count=len(drawn.links)), timed=False)

    async def one(number: int, link: str) -> Picture | PictureError:
        nonlocal arrived
        if kept := await _kept(store, number, waiting):
            return kept
        tell()
        try:
            picture, content = await _download(transport, host, link, waiting)
        except PictureError as error:
            return error
        await store.put(number, content)
        arrived += 1
        tell()
        return picture

    outcomes = await asyncio.gather(*(one(number, link) for number, link in enumerate(drawn.links)))
    got = [outcome for outcome in outcomes if isinstance(outcome, Picture)]
    errors = [outcome for outcome in outcomes if isinstance(outcome, PictureError)]
    if not got:
        raise errors[0]
    notes = [Text("A picture was not drawn: {failure}.", failure=failure) for failure in drawn.failures]
    notes += [Text('In place of a picture the service says: "{message}"', message=said) for said in drawn.said]
    notes += [
        Text("A picture was lost: {error}", error=error.text)
        if not isinstance(error, PictureUnreadable)
        else Text("A picture is missing: {error}", error=error.text)
        for error in errors
    ]
    notes += dict.fromkeys(picture.note for picture in got if picture.note)
    return Fetched(got, notes, not all(isinstance(error, PictureUnreadable) for error in errors))


async def _kept(store: StoredPictures, number: int, waiting: Waiting) -> Picture | PictureUnreadable | None:
    content = await store.get(number)
    try:
        return None if content is None else await waiting.outlast(start(_decode, content, Text("the store")))
    except PictureError:
        return None  # damaged on our disk: it is fetched again


async def _download(
    transport: Transport, host: ApiHost, link: str, waiting: Waiting
) -> tuple[Picture | PictureUnreadable, bytes]:
    """Downloads and decodes; a damaged file is fetched a second time."""
    address = links.check_link(link, host)
    shown = links.host_of(address)
    try:
        content = await transport.picture(address, waiting)
        try:
            return await waiting.run(_decode, content, shown), content
        except PictureBroken:
            content = await transport.picture(address, waiting)
            return await waiting.run(_decode, content, shown), content
    except DeadlinePassed:
        raise links.unreachable(shown, Text("the time is over")) from None


def _decode(content: bytes, host: str) -> Picture | PictureUnreadable:
    """What cannot be opened here is kept like a picture, for a time when it can be."""
    try:
        return pictures.decode(content, host)
    except PictureUnreadable as error:
        return error
