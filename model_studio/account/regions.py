"""Where the API of a region lives, as the vendor's SDK reads its environment.

`DASHSCOPE_HTTP_BASE_URL` replaces the address altogether (so is the simulator reached), `DASHSCOPE_API_REGION` is the
region meant by `auto`, and `DASHSCOPE_WORKSPACE_ID` selects a workspace's own host outside Beijing (SDK 2.0.2,
common/env.py). Where nothing names the region, the keys that there are do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from ..catalog import BEIJING, QWENCLOUD, SINGAPORE, TOKEN_PLAN_BEIJING, TOKEN_PLAN_SINGAPORE, VIRGINIA
from ..errors import ConfigurationError, InvalidRequest
from ..words import Text
from .credentials import find_place

AUTO = "auto"
# Shared hosts: specification for the first two, Wan API reference for the third, the Token Plan's page for the fourth;
# the last two are second-hand.
SHARED_HOSTS = {
    BEIJING: "dashscope.aliyuncs.com",
    SINGAPORE: "dashscope-intl.aliyuncs.com",
    VIRGINIA: "dashscope-us.aliyuncs.com",
    TOKEN_PLAN_BEIJING: "token-plan.cn-beijing.maas.aliyuncs.com",
    TOKEN_PLAN_SINGAPORE: "token-plan.ap-southeast-1.maas.aliyuncs.com",
    QWENCLOUD: "maas.qwencloudapi.com",
}
REGIONS = tuple(SHARED_HOSTS)
VENDOR_DOMAINS = ("aliyuncs.com", "qwencloudapi.com")
_WITH_WORKSPACES = (SINGAPORE, VIRGINIA)  # whose workspaces have hosts of their own
_WORKSPACE_HOST = "{workspace}.{region}.maas.aliyuncs.com"
_WORKSPACE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True)
class ApiHost:
    """Base URL of the API (ends in /api/v1), its region, and whether the user replaced the vendor's own address."""

    region: str
    base_url: str
    replaced: bool = False

    @property
    def identity(self) -> str:
        """What a request's fingerprint knows of it: the region, or the address that stands in for the vendor's.

        The vendor's own addresses of a region all lead to the same account.
        """
        home = _region_of_host(urlsplit(self.base_url).hostname or "")
        return self.base_url if self.replaced and home is None else self.region


def api_host(region: str, environ: Mapping[str, str], folder: Path | None = None) -> ApiHost:
    """The API that a node's `region` means on this machine; `folder`: where `find_place` looks for keys last.

    Raises InvalidRequest for a region that is not in the list, ConfigurationError for a setting that cannot work.
    """
    if region != AUTO and region not in REGIONS:
        raise InvalidRequest(
            Text("Region {region!r} is unknown.", region=region),
            Text("Choose one of {choices}.", choices=", ".join((AUTO, *REGIONS))),
        )
    override = environ.get("DASHSCOPE_HTTP_BASE_URL", "").strip()
    if override:
        return _replaced(region, override.rstrip("/"), environ, folder)
    region = _default_region(environ, folder) if region == AUTO else region
    host = SHARED_HOSTS[region]
    if region in _WITH_WORKSPACES and environ.get("DASHSCOPE_WORKSPACE_ID", "").strip():
        host = _WORKSPACE_HOST.format(workspace=_workspace(environ), region=region)
    return ApiHost(region, f"https://{host}/api/v1")


def others(host: ApiHost, among: Sequence[str] = REGIONS) -> list[ApiHost]:
    """The API of the other regions, for a key that may be theirs: at the vendor's own hosts, or, where another address
    stands in for them, below the name of the region in its path. Empty where it has none.
    """
    home = _region_of_host(urlsplit(host.base_url).hostname or "")
    if home or not host.replaced:
        return [
            ApiHost(region, f"https://{shared}/api/v1")
            for region, shared in SHARED_HOSTS.items()
            if region in among and region != (home or host.region)
        ]
    named = next((region for region in REGIONS if f"/{region}/" in urlsplit(host.base_url).path), None)
    if named is None:
        return []
    return [
        ApiHost(region, host.base_url.replace(f"/{named}/", f"/{region}/"), replaced=True)
        for region in REGIONS
        if region in among and region != named
    ]


def is_vendor_host(host: str | None) -> bool:
    return host is not None and host.lower().endswith(tuple(f".{domain}" for domain in VENDOR_DOMAINS))


def _replaced(region: str, url: str, environ: Mapping[str, str], folder: Path | None) -> ApiHost:
    if "{workspace_id}" in url:
        url = url.replace("{workspace_id}", _workspace(environ))
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        valid = False
    if not valid or parts.query or parts.fragment or "@" in parts.netloc:
        raise ConfigurationError(
            Text("DASHSCOPE_HTTP_BASE_URL is not a usable address."),
            Text("It looks like https://dashscope.aliyuncs.com/api/v1."),
        )
    if not re.search(r"/api/v\d+$", parts.path):
        raise ConfigurationError(
            Text(
                "DASHSCOPE_HTTP_BASE_URL leads to {address}, which is not the API.",
                address=parts.netloc + parts.path,
            ),
            Text("The address ends in /api/v1, for instance https://dashscope.aliyuncs.com/api/v1."),
        )
    if parts.scheme == "http" and is_vendor_host(parts.hostname):
        raise ConfigurationError(
            Text("DASHSCOPE_HTTP_BASE_URL would send your key unencrypted."),
            Text("Write https:// instead of http://."),
        )
    home = _region_of_host(parts.hostname or "")
    if region != AUTO and home is not None and home != region:
        raise ConfigurationError(
            Text("DASHSCOPE_HTTP_BASE_URL leads to {home}, but the node asks for {region}.", home=home, region=region),
            Text("Set region to auto or {home}, or unset DASHSCOPE_HTTP_BASE_URL.", home=home),
        )
    if region == AUTO:
        region = home or _default_region(environ, folder)
    return ApiHost(region, _plain(parts), replaced=True)


def _plain(address: SplitResult) -> str:
    """The address in the one way to write it: without capitals and the port that goes without saying."""
    host = address.hostname or ""
    host = f"[{host}]" if ":" in host else host
    usual = {"https": 443, "http": 80}[address.scheme]
    port = "" if address.port in (None, usual) else f":{address.port}"
    return f"{address.scheme}://{host}{port}{address.path}"


def _region_of_host(host: str) -> str | None:
    named = {shared: region for region, shared in SHARED_HOSTS.items()}
    of_workspace = (region for region in REGIONS if host.endswith(f".{region}.maas.aliyuncs.com"))
    return named.get(host) or next(of_workspace, None)


def _default_region(environ: Mapping[str, str], folder: Path | None) -> str:
    """`DASHSCOPE_API_REGION`; else the only region that there is a key for; else Beijing, the SDK's default."""
    named = environ.get("DASHSCOPE_API_REGION", "").strip()
    if named and named not in REGIONS:
        raise ConfigurationError(
            Text("DASHSCOPE_API_REGION is {name!r}, which is not a region with text-to-image models.", name=named),
            Text("Set it to one of {choices}.", choices=", ".join(REGIONS)),
        )
    if named:
        return named
    with_key = [region for region in REGIONS if find_place(region, environ, folder)]
    return with_key[0] if len(with_key) == 1 else BEIJING


def _workspace(environ: Mapping[str, str]) -> str:
    workspace = environ.get("DASHSCOPE_WORKSPACE_ID", "").strip()
    if not _WORKSPACE_ID.fullmatch(workspace):
        raise ConfigurationError(
            Text("DASHSCOPE_WORKSPACE_ID is missing or not a workspace id."),
            Text("It becomes a part of the host name: letters, digits, - and _, at most 64, for instance llm-abc123."),
        )
    return workspace
