"""Brings all pictures of an answer here, at the same time: from the shelf of those kept, else from their links."""

from __future__ import annotations

import asyncio
from typing import Protocol

from . import pictures
from .answers import Drawn, words
from .errors import NoPictures, PictureBroken, PictureError, PictureUnreadable
from .pictures import Picture
from .regions import ApiHost
from .threads import start
from .transport import Transport
from .waiting import DeadlinePassed, Waiting
from .words import Text

PATIENCE = 180  # seconds at least for downloads, however much of the user's time-out the drawing took


class Shelf(Protocol):
    """Where original bytes of pictures are kept, by their place among the links."""

    async def get(self, number: int) -> bytes | None: ...

    async def put(self, number: int, content: bytes) -> None: ...


async def fetch(
    transport: Transport, host: ApiHost, drawn: Drawn, waiting: Waiting, shelf: Shelf
) -> tuple[list[Picture], list[Text]]:
    """The pictures in the service's order, and notes on those that cannot be had. What is fetched is kept first.

    Raises NoPictures where none was drawn, the first picture's PictureError where none arrives, Interrupted.
    """
    if not drawn.links and drawn.failures:
        raise NoPictures(
            Text("The service drew no picture: {failures}.", failures="; ".join(dict.fromkeys(drawn.failures))),
            Text("Failed pictures are not billed. Try another seed or prompt."),
        )
    if not drawn.links and drawn.said:
        raise NoPictures(
            Text('The service drew no picture. It says: "{message}"', message=words(" ".join(drawn.said))),
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
        if kept := await _kept(shelf, number, waiting):
            return kept
        tell()
        try:
            picture, content = await _download(transport, host, link, waiting)
        except PictureError as error:
            return error
        await shelf.put(number, content)
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
    return got, notes


async def _kept(shelf: Shelf, number: int, waiting: Waiting) -> Picture | PictureUnreadable | None:
    content = await shelf.get(number)
    try:
        return None if content is None else await waiting.outlast(start(_decode, content, Text("the store")))
    except PictureError:
        return None  # damaged on our disk: it is fetched again


async def _download(
    transport: Transport, host: ApiHost, link: str, waiting: Waiting
) -> tuple[Picture | PictureUnreadable, bytes]:
    """Downloads and decodes; a damaged file is fetched a second time."""
    address = pictures.check_link(link, host)
    shown = pictures.host_of(address)
    try:
        content = await transport.picture(address, waiting)
        try:
            return await waiting.run(_decode, content, shown), content
        except PictureBroken:
            content = await transport.picture(address, waiting)
            return await waiting.run(_decode, content, shown), content
    except DeadlinePassed:
        raise pictures.unreachable(shown, Text("the time is over")) from None


def _decode(content: bytes, host: str) -> Picture | PictureUnreadable:
    """What cannot be opened here is kept like a picture, for a time when it can be."""
    try:
        return pictures.decode(content, host)
    except PictureUnreadable as error:
        return error
