"""One HTTP exchange: send, receive, or say how far it got. Repeating is the client's business.

Blocking; runs in a thread, which ends with the call's total time-out. Proxy variables are honoured (requests'
trust_env). Errors that leave here hold nothing of the request: no chain leads to its headers.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timezone
from email.utils import parsedate_to_datetime
from functools import cached_property
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3 import exceptions

from ..words import Text
from . import connection
from .connection import Course
from .peers import NotPublic

USER_AGENT = "model-studio-text2image/0.1"
_PIECE = 16 * 1024  # bytes
_POOL = 64  # connections kept open per host
_PACKINGS = ("gzip", "x-gzip", "deflate")
_NOT_OURS = ("br", "zstd", "compress", "x-compress")  # encodings that were not asked for and cannot be undone here
_MOST_PACKINGS = 2  # one within the other; more is never meant


@dataclass(frozen=True)
class Timeouts:
    """Seconds to connect, between two pieces of the answer, and in all."""

    connect: float
    read: float
    total: float


@dataclass(frozen=True)
class Call:
    """An HTTP request.

    secret  what no answer may repeat; taken out wherever one does
    fresh   over a new connection, never a kept one that may be dead without our knowing
    public  only over https to the vendor's machines, see `peers`; behind a proxy, which looks the name up itself, the
            address cannot be known and is not asked
    """

    method: str
    url: str
    timeouts: Timeouts
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    secret: str = field(default="", repr=False)
    fresh: bool = False
    public: bool = False
    max_bytes: int = 2**20


@dataclass(frozen=True)
class Answer:
    """An HTTP answer: whole, or of a status from 300 to 499, which says enough without a body (then empty)."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    secret: str = field(default="", repr=False)

    @cached_property
    def json(self) -> dict[str, Any] | None:
        """The body as a JSON object, or None where it is something else (a gateway's page, say)."""
        try:
            value = json.loads(self.content)
            return without(self.secret, value) if isinstance(value, dict) else None
        except (ValueError, RecursionError):
            return None


def without(secret: str, value: Any) -> Any:
    """A value of JSON without the secret in any of its texts, in whatever case."""
    if not secret:
        return value
    if isinstance(value, str):
        return re.sub(re.escape(secret), "[your key]", value, flags=re.IGNORECASE)
    if isinstance(value, dict):
        return {without(secret, name): without(secret, item) for name, item in value.items()}
    if isinstance(value, list):
        return [without(secret, item) for item in value]
    return value


class ExchangeFailed(Exception):
    """No whole answer. `reason`: why, in words without addresses or secrets."""

    def __init__(self, reason: Text) -> None:
        super().__init__(reason)
        self.reason = reason


class NeverSent(ExchangeFailed):
    """Certainly nothing of the request reached the other side."""


class LineBroken(ExchangeFailed):
    """The request may have arrived."""


class TooLarge(ExchangeFailed):
    """The answer is larger than the call allows."""


class Exchange:
    """Sends calls over kept connections. Holds no key: whoever makes a call puts its headers in."""

    def __init__(self) -> None:
        self._kept = {public: _session(public) for public in (False, True)}
        for name in ("urllib3.connectionpool", "urllib3.connection"):
            logging.getLogger(name).addFilter(_HIDE_SECRETS)

    def __call__(self, call: Call) -> Answer:
        """Raises NeverSent, NotPublic, LineBroken or TooLarge."""
        if not call.fresh:
            return _send(self._kept[call.public], call)
        with _session(call.public) as session:
            return _send(session, call)


class _Adapter(HTTPAdapter):
    """Its connections keep account of how far they got, those through proxies too."""

    def __init__(self, public: bool) -> None:
        super().__init__(pool_maxsize=_POOL, max_retries=0)
        connection.watch(self.poolmanager, public=public)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> urllib3.PoolManager:
        is_known = proxy in self.proxy_manager
        manager: urllib3.PoolManager = super().proxy_manager_for(proxy, **kwargs)
        if not is_known:
            connection.watch(manager)
        return manager


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """Nowhere: even where none is followed, requests prepares it, and reads the whole body for that."""


def _session(public: bool) -> requests.Session:
    session = _Session()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.adapters.clear()
    for scheme in ("https://",) if public else ("https://", "http://"):
        session.mount(scheme, _Adapter(public))
    return session


def _keep_headers(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Stands where requests would otherwise put the login of a .netrc file over our headers, or into a signed link."""
    return request


def _send(session: requests.Session, call: Call) -> Answer:
    with connection.course(time.monotonic() + call.timeouts.total) as course:
        try:
            return _exchange(session, call)
        except (ExchangeFailed, NotPublic) as known:
            failure: Exception = known
        except Exception as error:
            failure = _failure(error, call, course)
    # The errors of requests hold the whole request, with the key in its headers, and so do the frames they came by.
    failure.__cause__ = failure.__context__ = None
    raise failure.with_traceback(None)


def _exchange(session: requests.Session, call: Call) -> Answer:
    with session.request(
        call.method,
        call.url,
        headers={"User-Agent": USER_AGENT, "Accept-Encoding": "gzip, deflate", **call.headers},
        json=call.body,
        auth=_keep_headers,
        timeout=(call.timeouts.connect, call.timeouts.read),
        allow_redirects=False,
        stream=True,
    ) as response:
        headers = requests.structures.CaseInsensitiveDict(without(call.secret, dict(response.headers)))
        answer = Answer(response.status_code, headers, _content(response, call), call.secret)
        if call.secret:  # an answer of the API, which is JSON: read in this thread, not in the loop of all runs
            _ = answer.json
        return answer


def _content(response: requests.Response, call: Call) -> bytes:
    try:
        return _unpack(_read(response, call), response.headers.get("Content-Encoding", ""), call)
    except (ExchangeFailed, exceptions.HTTPError, OSError):
        if 300 <= response.status_code < 500:
            return b""
        raise


def _read(response: requests.Response, call: Call) -> bytes:
    """As it came over the line. Unpacking is not left to urllib3, which before 2.6 knew no bounds in it."""
    pieces = bytearray()
    try:
        for piece in response.raw.stream(_PIECE, decode_content=False):
            pieces += piece
            if len(pieces) > call.max_bytes:
                raise _too_large(call)
    except exceptions.ProtocolError:  # also a body that is whole, but not ended by the rules
        if Answer(response.status_code, {}, bytes(pieces)).json is None:
            raise
        return bytes(pieces)
    length = response.headers.get("Content-Length", "")
    # urllib3 before 2.0 ends without an error when the line breaks in the middle.
    if is_number(length) and len(pieces) < int(length):
        raise LineBroken(Text("the answer broke off after {count} of {length} bytes", count=len(pieces), length=length))
    return bytes(pieces)


def _unpack(content: bytes, packings: str, call: Call) -> bytes:
    names = [name.strip().lower() for name in packings.split(",") if name.strip()]
    if len(names) > _MOST_PACKINGS or not set(names).isdisjoint(_NOT_OURS):
        raise LineBroken(Text("the answer has a content encoding that was not requested"))
    for name in reversed(names):
        if name in _PACKINGS:  # others, such as utf-8, are mistakes that pack nothing
            content = _inflate(content, call)
    return content


def _inflate(content: bytes, call: Call) -> bytes:
    """gzip or zlib, told by its first bytes; else the bare deflate that some servers mean by it.

    As far as that goes, and as it came where it does not: whether it is whole shows in what it is.
    """
    for bits in (32 + zlib.MAX_WBITS, -zlib.MAX_WBITS):
        with contextlib.suppress(zlib.error):
            return _all_members(content, bits, call)
    return content


def _all_members(content: bytes, bits: int, call: Call) -> bytes:
    """gzip may hold several, one after the other (RFC 1952)."""
    unpacked = b""
    while content:
        unpacker = zlib.decompressobj(bits)
        unpacked += unpacker.decompress(content, call.max_bytes + 1 - len(unpacked))
        if len(unpacked) > call.max_bytes:
            raise _too_large(call)
        content = unpacker.unused_data if unpacker.unused_data[:2] == b"\x1f\x8b" else b""
    return unpacked


def is_number(text: str) -> bool:
    """Whether a header holds a plain number of sane length."""
    return text.isascii() and text.isdecimal() and len(text) < 10


def http_date(text: str) -> float | None:
    """The date of a header in seconds since 1970; None where it is none (RFC 9110)."""
    try:
        date = parsedate_to_datetime(text)
        return (date if date.tzinfo else date.replace(tzinfo=timezone.utc)).timestamp()
    except (ValueError, OverflowError):
        return None


class _HideSecrets(logging.Filter):
    """Keeps out of urllib3's log the query of signed links, which opens a picture to anyone, and odd header lines."""

    def filter(self, record: logging.LogRecord) -> bool:
        if str(record.msg).startswith("Failed to parse headers"):  # which it quotes, in the traceback too
            record.msg, record.args, record.exc_info = "Failed to parse the headers of an answer.", (), None
        if isinstance(record.args, tuple) and any("signature" in str(value).lower() for value in record.args):
            record.args = tuple(
                re.sub(r"\?.*", "?…", value) if isinstance(value, str) else value for value in record.args
            )
        return True


_HIDE_SECRETS = _HideSecrets()


def too_slow(call: Call) -> LineBroken:
    return LineBroken(Text("the answer was not complete after {seconds:g} s", seconds=call.timeouts.total))


def _too_large(call: Call) -> TooLarge:
    return TooLarge(Text("more than {limit} MiB", limit=call.max_bytes // 2**20))


def _failure(error: Exception, call: Call, course: Course) -> ExchangeFailed:
    if course.stage != "connected" and (reason := _setting(error)):
        return NeverSent(reason)
    if course.stage == "connecting":
        return NeverSent(_no_connection(error, call))
    if time.monotonic() >= course.end:
        return too_slow(call)
    if isinstance(error, requests.Timeout | exceptions.ReadTimeoutError):
        return LineBroken(Text("no answer within {seconds:g} s", seconds=call.timeouts.read))
    if isinstance(error, exceptions.ProtocolError):  # requests would have wrapped it before the answer began
        return LineBroken(Text("the connection broke in the middle of the answer"))
    if isinstance(error, requests.RequestException | exceptions.HTTPError | OSError):
        return LineBroken(Text("the connection broke"))
    # requests lets some faults through as they are; whatever it was, the request may have arrived.
    return LineBroken(Text("the exchange failed ({kind})", kind=type(error).__name__))


_NOT_VALID = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    exceptions.LocationValueError,
    UnicodeError,
)


def _setting(error: Exception) -> Text | None:
    """What is wrong with a setting of this machine, so that no connection was begun."""
    if "dependencies for SOCKS" in str(error):
        return Text("the proxy variables name a SOCKS proxy, which needs the package PySocks: pip install pysocks")
    if "SOCKS version" in str(error):
        return Text("the proxy variables name a SOCKS proxy without its version: write socks5h:// for socks://")
    if isinstance(error, _NOT_VALID):
        return Text("the address or the proxy setting is not valid")
    if "CA certificate" in str(error):
        return Text("the file of REQUESTS_CA_BUNDLE or SSL_CERT_FILE cannot be read")
    return None


# Templates of Texts: why there was no connection, by the class of a cause, in urllib3 or below it; the first that fits
# (NameResolutionError came with urllib3 2).
_NO_CONNECTION = {
    "NameResolutionError": "the host name could not be resolved",
    "SSLCertVerificationError": "the host's certificate is not trusted by this machine; where a company or a tool "
    "inspects connections, name the file with its certificate in REQUESTS_CA_BUNDLE",
    "NewConnectionError": "the connection was refused or the host is unreachable",
    "ConnectTimeoutError": "no connection within {seconds:g} s",
    "ReadTimeoutError": "the connection was not ready within {seconds:g} s (TLS, or a proxy's tunnel)",
    "Exception": "the connection ended before it was ready (TLS, or a proxy's tunnel)",
}


def _no_connection(error: Exception, call: Call) -> Text:
    causes = list(_causes(error))
    if any(str(cause).startswith("Tunnel connection failed") for cause in causes):
        return Text("the proxy refused to connect")
    kinds = {kind.__name__ for cause in causes for kind in type(cause).__mro__}
    template = next(template for kind, template in _NO_CONNECTION.items() if kind in kinds)
    reason = Text(template, seconds=call.timeouts.connect)
    at_proxy = any(isinstance(cause, exceptions.ProxyError) for cause in causes)
    return Text("at the proxy, {reason}", reason=reason) if at_proxy else reason


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and all that led to it, as requests and urllib3 wrap them."""
    yield error
    inner = (error.__cause__, getattr(error, "reason", None), getattr(error, "original_error", None), *error.args)
    for cause in inner:
        if isinstance(cause, BaseException):
            yield from _causes(cause)
