"""The storage: pictures under signed paths, drawn in threads as soon as they are ordered."""

from __future__ import annotations

import base64
import hashlib
import hmac
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from urllib.parse import quote

from simulator.drawing import Drawing, png

LIFETIME = 24 * 3600  # seconds that a link works (specification)
KEEP = 200  # pictures that stay in memory; older ones are drawn again when asked for
ACCESS_KEY_ID = "LTAISIMULATEDEXAMPLE"
BUCKETS = {
    "cn-beijing": "dashscope-result-bj",
    "ap-southeast-1": "dashscope-result-sgp",
    "us-east-1": "dashscope-result-us",
    "token-plan-cn-beijing": "dashscope-result-bj",
    "token-plan-ap-southeast-1": "dashscope-result-sgp",
    "qwencloud": "dashscope-result-sgp",
}


class Refusal(Exception):
    """The storage's own error: an XML document, not the API's JSON."""

    def __init__(self, http: int, code: str, message: str) -> None:
        super().__init__(message)
        self.http, self.code, self.message = http, code, message


class PictureStore(Mapping[str, bytes]):
    """Path (without query) -> bytes of the file. A look-up waits until the picture is drawn."""

    def __init__(self) -> None:
        self._drawings: dict[str, Drawing] = {}
        self._drawn: dict[str, Future[bytes]] = {}
        self._threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="simulator-drawing")
        self._secret = uuid.uuid4().bytes

    def add(self, drawing: Drawing, region: str, expires: int) -> str:
        """Orders a picture; returns its path with a signed query, good until `expires` (seconds since 1970)."""
        name = uuid.uuid4()
        path = f"/oss/{BUCKETS[region]}/1d/{name.hex[:2]}/{name.hex[2:10]}/{name}-1.png"
        self._drawings[path] = drawing
        self.future(path)
        signature = quote(self._sign(path, str(expires)), safe="")
        return f"{path}?Expires={expires}&OSSAccessKeyId={ACCESS_KEY_ID}&Signature={signature}"

    def future(self, path: str) -> Future[bytes]:
        drawing = self._drawings[path]
        if path not in self._drawn:
            self._drawn[path] = self._threads.submit(png, drawing)
            for oldest in list(self._drawn)[:-KEEP]:
                del self._drawn[oldest]
        return self._drawn[path]

    def drawing(self, path: str) -> Drawing | None:
        return self._drawings.get(path)

    def check(self, path: str, query: Mapping[str, str], now: float) -> None:
        """The signature as the storage checks it (version 1: Expires, OSSAccessKeyId, Signature)."""
        expires = query.get("Expires", "")
        if "Signature" not in query or not expires.isdecimal():
            raise Refusal(403, "AccessDenied", "You have no right to access this object because of bucket acl.")
        if now > int(expires):
            raise Refusal(403, "AccessDenied", "Request has expired.")
        signed = hmac.compare_digest(query["Signature"].encode(), self._sign(path, expires).encode())
        if not signed or query.get("OSSAccessKeyId") != ACCESS_KEY_ID:
            message = "The request signature we calculated does not match the signature you provided."
            raise Refusal(403, "SignatureDoesNotMatch", message)
        if path not in self._drawings:
            raise Refusal(404, "NoSuchKey", "The specified key does not exist.")

    def close(self) -> None:
        self._threads.shutdown(cancel_futures=True)

    def _sign(self, path: str, expires: str) -> str:
        signed = hmac.new(self._secret, f"GET\n\n\n{expires}\n{path}".encode(), hashlib.sha1)
        return base64.b64encode(signed.digest()).decode()

    def __getitem__(self, path: str) -> bytes:
        return self.future(path).result()

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._drawings))

    def __len__(self) -> int:
        return len(self._drawings)
