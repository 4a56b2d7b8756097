"""Brings all pictures of an answer here, at the same time: from the store, else from their links."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from ..errors import NoPictures, PictureBroken, PictureError, PictureUnreadable
from ..ledger.session import StoredPictures
from ..service import links
from ..service.answers import Drawn, one_line
from ..service.client import Client
from ..threads import start
from ..waiting import DeadlinePassed, Waiting
from ..words import Text
from . import pictures
from .pictures import Picture

PATIENCE = 180  # seconds at least for downloads, however much of the user's time-out the drawing took


@dataclass(frozen=True)
class Fetched:
    """Pictures in the service's order, notes for the user, and the errors of those that did not come.

    `downloads`: how many were not in the store.
    """

    pictures: list[Picture]
    notes: list[Text]
    errors: list[PictureError]
    downloads: int

    @property
    def may_come(self) -> bool:
        """Whether another run may bring one that is missing. Files of a kind that is not opened here are kept."""
        return not all(isinstance(error, PictureUnreadable) for error in self.errors)


async def fetch(
    client: Client, drawn: Drawn, waiting: Waiting, store: StoredPictures, patience: float = 0.0
) -> Fetched:
    """What is fetched is kept first. `patience`: seconds for which a link that does not work is tried again.

    Raises NoPictures where none was drawn, the first picture's PictureError where none arrives, Interrupted.
    """
    if not drawn.links:
        raise _nothing_drawn(drawn)
    waiting.extend(PATIENCE + patience)
    waiting.expect(len(drawn.links))
    arrived = 0

    def tell() -> None:
        waiting.reach(arrived / len(drawn.links))
        waiting.tell(Text("downloading {arrived}/{count}", arrived=arrived, count=len(drawn.links)), timed=False)

    async def one(number: int, link: str) -> Picture | PictureError:
        picture = await bring(number, link)
        if isinstance(picture, Picture):
            waiting.landed(number, picture)
        return picture

    async def bring(number: int, link: str) -> Picture | PictureError:
        nonlocal arrived
        if kept := await _kept(store, number, waiting):
            return kept
        tell()
        try:
            picture, content = await _download(client, link, waiting, patience)
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
    return Fetched(got, _notes(drawn, got, errors), errors, arrived)


def _nothing_drawn(drawn: Drawn) -> NoPictures:
    if drawn.failures:
        return NoPictures(
            Text("The service drew no picture: {failures}.", failures="; ".join(dict.fromkeys(drawn.failures))),
            Text("Failed pictures are not billed. Try another seed or prompt."),
        )
    if drawn.said:
        return NoPictures(
            Text('The service drew no picture. It says: "{message}"', message=one_line(" ".join(drawn.said))),
            Text("It may be billed: look at the usage page of the console. Change the prompt, and queue again."),
        )
    return NoPictures(
        Text("The service says it is done, but gave no picture."),
        Text("It may be billed. Look at the usage page of the console, and report this with the request id."),
    )


def _notes(drawn: Drawn, got: list[Picture], errors: list[PictureError]) -> list[Text]:
    notes = [Text("A picture was not drawn: {failure}.", failure=failure) for failure in drawn.failures]
    notes += [Text('In place of a picture the service says: "{message}"', message=said) for said in drawn.said]
    if drawn.more:
        notes.append(
            Text(
                "The service gave {count} links more than any set of pictures has; they were not fetched.",
                count=drawn.more,
            )
        )
    notes += [
        Text("A picture is missing: {error}", error=error.text)
        if isinstance(error, PictureUnreadable)
        else Text("A picture was lost: {error}", error=error.text)
        for error in errors
    ]
    notes += dict.fromkeys(picture.note for picture in got if picture.note)
    return notes


async def _kept(store: StoredPictures, number: int, waiting: Waiting) -> Picture | PictureUnreadable | None:
    content = await store.get(number)
    try:
        return None if content is None else await waiting.outlast(start(_decode, content, Text("the store")))
    except PictureError:
        return None  # damaged on our disk: it is fetched again


async def _download(
    client: Client, link: str, waiting: Waiting, patience: float
) -> tuple[Picture | PictureUnreadable, bytes]:
    """Downloads and decodes; a damaged file is fetched a second time."""
    address = links.check_link(link, client.host)
    shown = links.host_of(address)
    try:
        content = await client.picture(address, waiting, patience)
        try:
            return await waiting.run(_decode, content, shown), content
        except PictureBroken:
            content = await client.picture(address, waiting, patience)
            return await waiting.run(_decode, content, shown), content
    except DeadlinePassed:
        raise links.unreachable(shown, Text("the time is over")) from None


def _decode(content: bytes, host: str) -> Picture | PictureUnreadable:
    """What cannot be opened here is kept like a picture, for a time when it can be."""
    try:
        return pictures.decode(content, host)
    except PictureUnreadable as error:
        return error
