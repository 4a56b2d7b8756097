"""Links to finished pictures: which are followed, and the errors for what comes instead of a picture."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

from ..account.regions import ApiHost, is_vendor_host
from ..errors import PictureError, PictureExpired, PictureRefused, PictureUnreachable
from ..words import Text
from .exchange import Answer

# The largest area any model draws (wan2.7-image-pro, 4096*4096) as an uncompressed 8-bit RGB file, twice, and room.
MAX_BYTES = 112 * 2**20
_LINK = re.compile(r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9.-]+)(?::(?P<port>\d{1,5}))?/[!-\[\]-~]*")
_PORTS = {"https": "443", "http": "80"}
REPORT = Text("Please report this with the request id.")
KEPT = Text("it is kept for 24 hours, and fetching it costs nothing.")


def host_of(link: str) -> str:
    """The host alone: the rest of a link is signed and opens the picture to anyone."""
    return urlsplit(link).hostname or Text("an unknown host")


def check_link(link: str, api: ApiHost) -> str:
    """The link to follow: https at the vendor's, or on the very host that replaces it. Raises PictureRefused."""
    # Only what every parser of addresses reads the same way: letters, no backslashes, blanks or logins.
    match = _LINK.fullmatch(link)
    if match is None:
        raise PictureRefused(Text("The service sent a link that is not a valid address."), REPORT)
    parts = urlsplit(link)
    own = urlsplit(api.base_url)
    if api.replaced and (parts.scheme, parts.netloc) == (own.scheme, own.netloc):
        return link
    if is_vendor_host(match["host"]) and match["port"] in (None, _PORTS[match["scheme"]]):
        # Older answers carry http links (recorded); the same object is served over https.
        return link if match["scheme"] == "https" else urlunsplit(parts._replace(scheme="https", netloc=match["host"]))
    raise PictureRefused(
        Text("The service sent a link to {host}, which is not the vendor's.", host=match["host"]),
        Text("It was not opened. {advice}", advice=REPORT),
    )


def refusal(host: str, answer: Answer) -> PictureError:
    """The error for an answer, in place of a picture, that says no for good.

    Of a link's end only the storage's own word counts (OSS: XML, and an id of the request in a header).
    """
    if answer.status in (403, 404) and not _is_the_storages(answer):
        return unreachable(host, Text("a gateway on the way answered (HTTP {status})", status=answer.status))
    if answer.status in (403, 404):
        expired = b"expired" in answer.content[:2000].lower()
        return PictureExpired(
            Text("The link to a finished picture at {host} has expired.", host=host)
            if expired
            else Text("The link to a finished picture at {host} does not work.", host=host),
            Text("Links work for 24 hours after the picture was made."),
            http_status=answer.status,
        )
    if 300 <= answer.status < 400:
        return PictureRefused(
            Text("{host} wants to redirect the download of a picture.", host=host),
            Text("It was not followed. {advice}", advice=REPORT),
        )
    return PictureRefused(Text("{host} refused to give out a picture.", host=host), REPORT, http_status=answer.status)


def _is_the_storages(answer: Answer) -> bool:
    return b"<Error>" in answer.content[:2000] or "x-oss-request-id" in {name.lower() for name in answer.headers}


def too_large(host: str, reason: Text) -> PictureRefused:
    return PictureRefused(
        Text("The file of a picture at {host} is too large: {reason}.", host=host, reason=reason), REPORT
    )


def not_public(host: str, address: str) -> PictureRefused:
    return PictureRefused(
        Text(
            "The host of a picture, {host}, leads to a private address ({address}) from this machine, and the "
            "server there is not the vendor's.",
            host=host,
            address=address,
        ),
        Text("It was not opened. Check this machine's DNS and proxy, and run again: {kept}", kept=KEPT),
    )


def unreachable(host: str, trouble: str) -> PictureUnreachable:
    return PictureUnreachable(
        Text("A finished picture could not be fetched from {host}: {trouble}.", host=host, trouble=trouble),
        Text("Check the network, and run again: {kept}", kept=KEPT),
    )
