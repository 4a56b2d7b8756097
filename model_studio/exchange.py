"""One HTTP exchange: send, receive, or say how far it got. Repeating is transport's business.

Blocking; runs in a thread. Connect and read time-outs are the sockets', the total time-out is looked at between the
pieces of the answer (whoever waits for the thread keeps it to the second). Proxy variables are honoured (requests'
trust_env).
"""

from __future__ import annotations

import json
import logging
import re
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter

from .peers import NotPublic, PublicPool
from .words import Text

USER_AGENT = "model-studio-text2image/0.1"
_PIECE = 16 * 1024  # bytes
_POOL = 64  # connections kept open per host


@dataclass(frozen=True)
class Timeouts:
    """Seconds to connect, between two pieces of the answer, and in all."""

    connect: float
    read: float
    total: float


@dataclass(frozen=True)
class Call:
    """An HTTP request.

    fresh   over a new connection, never a kept one that may be dead without our knowing
    public  only over https to a public address, see `peers`; behind a proxy, which looks the name up itself, this
            cannot be known and is not asked
    """

    method: str
    url: str
    timeouts: Timeouts
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    fresh: bool = False
    public: bool = False
    max_bytes: int = 16 * 2**20


@dataclass(frozen=True)
class Answer:
    """An HTTP answer that arrived whole."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def json(self) -> dict[str, Any] | None:
        """The body as a JSON object, or None where it is something else (a gateway's page, say)."""
        try:
            value = json.loads(self.content)
        except (ValueError, RecursionError):
            return None
        return value if isinstance(value, dict) else None


class ExchangeFailed(Exception):
    """No whole answer. `reason`: why, in words without addresses or secrets."""

    def __init__(self, reason: Text) -> None:
        super().__init__(reason)
        self.reason = reason


class NeverSent(ExchangeFailed):
    """Certainly nothing reached the other side."""


class LineBroken(ExchangeFailed):
    """The request may have arrived."""


class TooLarge(ExchangeFailed):
    """The answer is larger than the call allows."""


class Exchange:
    """Sends calls over kept connections. Holds no key: whoever makes a call puts its headers in."""

    def __init__(self) -> None:
        self._kept = {public: _session(public) for public in (False, True)}
        logging.getLogger("urllib3.connectionpool").addFilter(_HIDE_SIGNATURES)

    def __call__(self, call: Call) -> Answer:
        """Raises NeverSent, NotPublic, LineBroken or TooLarge."""
        if not call.fresh:
            return _send(self._kept[call.public], call)
        with _session(call.public) as session:
            return _send(session, call)


def _session(public: bool) -> requests.Session:
    session = requests.Session()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.adapters.clear()
    for scheme in ("https://",) if public else ("https://", "http://"):
        adapter = HTTPAdapter(pool_maxsize=_POOL, max_retries=0)
        if public:
            # Of direct connections only: those through a proxy have a manager of their own.
            adapter.poolmanager.pool_classes_by_scheme = {"https": PublicPool}
        session.mount(scheme, adapter)
    return session


def _keep_headers(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Stands where requests would otherwise put the login of a .netrc file over our headers, or into a signed link."""
    return request


def _send(session: requests.Session, call: Call) -> Answer:
    end = time.monotonic() + call.timeouts.total
    try:
        with session.request(
            call.method,
            call.url,
            headers={"User-Agent": USER_AGENT, **call.headers},
            json=call.body,
            auth=_keep_headers,
            timeout=(call.timeouts.connect, call.timeouts.read),
            allow_redirects=False,
            stream=True,
        ) as response:
            content = _read(response, call, end)
            return Answer(response.status_code, response.headers, content)
    except requests.RequestException as error:
        raise _failure(error, call) from None
    except urllib3.exceptions.LocationValueError:
        raise NeverSent(Text("the address or the proxy setting is not valid")) from None
    except (ExchangeFailed, NotPublic):
        raise
    except Exception as error:
        if "CA certificate" in str(error):
            raise NeverSent(Text("the file of REQUESTS_CA_BUNDLE or SSL_CERT_FILE cannot be read")) from None
        # requests lets some faults through as they are; whatever it was, the request may have arrived.
        raise LineBroken(Text("the exchange failed ({kind})", kind=type(error).__name__)) from None


def _read(response: requests.Response, call: Call, end: float) -> bytes:
    pieces = bytearray()
    for piece in response.iter_content(_PIECE):
        pieces += piece
        if len(pieces) > call.max_bytes:
            raise TooLarge(Text("more than {limit} MiB", limit=call.max_bytes // 2**20))
        if time.monotonic() > end:
            raise too_slow(call)
    length = response.headers.get("Content-Length", "")
    # urllib3 before 2.0 ends without an error when the line breaks in the middle.
    if not response.headers.get("Content-Encoding") and is_number(length) and len(pieces) < int(length):
        raise LineBroken(Text("the answer broke off after {count} of {length} bytes", count=len(pieces), length=length))
    return bytes(pieces)


def is_number(text: str) -> bool:
    """Whether a header holds a plain number of sane length."""
    return text.isascii() and text.isdecimal() and len(text) < 10


class _HideSignatures(logging.Filter):
    """Keeps the query of signed links, which opens a picture to anyone, out of urllib3's debug log."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple) and any("Signature=" in str(value) for value in record.args):
            record.args = tuple(
                re.sub(r"\?.*", "?…", value) if isinstance(value, str) else value for value in record.args
            )
        return True


_HIDE_SIGNATURES = _HideSignatures()


def too_slow(call: Call) -> LineBroken:
    return LineBroken(Text("the answer was not complete after {seconds:g} s", seconds=call.timeouts.total))


# Templates of Texts: why a connection was never made, by urllib3's class of the cause (NameResolutionError came with
# urllib3 2).
_NEVER_SENT = {
    "NameResolutionError": "the host name could not be resolved",
    "ConnectTimeoutError": "no connection within {seconds:g} s",
    "NewConnectionError": "the connection was refused or the host is unreachable",
}


def _failure(error: requests.RequestException, call: Call) -> ExchangeFailed:
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
        return NeverSent(Text("the address or the proxy setting is not valid"))
    cause = getattr(error.args[0] if error.args else None, "reason", None)
    if at_proxy := isinstance(cause, urllib3.exceptions.ProxyError):
        # Only its own cause tells whether the proxy was reached: urllib3 1.26 wraps later faults too.
        cause = cause.original_error
        if str(cause).startswith("Tunnel connection failed"):
            return NeverSent(Text("the proxy refused to connect"))
    for kind in type(cause).__mro__:
        if template := _NEVER_SENT.get(kind.__name__):
            reason = Text(template, seconds=call.timeouts.connect)
            return NeverSent(Text("at the proxy, {reason}", reason=reason) if at_proxy else reason)
    if isinstance(cause, urllib3.exceptions.SSLError) and isinstance(cause.args[0], ssl.SSLCertVerificationError):
        return NeverSent(Text("the host's certificate is not trusted by this machine"))
    if isinstance(error, requests.Timeout):
        return LineBroken(Text("no answer within {seconds:g} s", seconds=call.timeouts.read))
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return LineBroken(Text("the connection broke in the middle of the answer"))
    return LineBroken(Text("the connection broke"))
