from __future__ import annotations

from pathlib import Path

import pytest

from model_studio.account.key_kinds import regions_of
from model_studio.account.regions import REGIONS, ApiHost, api_host, is_vendor_host, others
from model_studio.errors import ConfigurationError, InvalidRequest

BASE = "DASHSCOPE_HTTP_BASE_URL"


@pytest.mark.parametrize(
    ("region", "environ", "expected"),
    [
        ("auto", {}, ("cn-beijing", "https://dashscope.aliyuncs.com/api/v1")),
        ("cn-beijing", {}, ("cn-beijing", "https://dashscope.aliyuncs.com/api/v1")),
        ("ap-southeast-1", {}, ("ap-southeast-1", "https://dashscope-intl.aliyuncs.com/api/v1")),
        ("us-east-1", {}, ("us-east-1", "https://dashscope-us.aliyuncs.com/api/v1")),
        (
            "auto",
            {"DASHSCOPE_API_REGION": "ap-southeast-1"},
            ("ap-southeast-1", "https://dashscope-intl.aliyuncs.com/api/v1"),
        ),
        (
            "ap-southeast-1",
            {"DASHSCOPE_WORKSPACE_ID": "llm-abc"},
            ("ap-southeast-1", "https://llm-abc.ap-southeast-1.maas.aliyuncs.com/api/v1"),
        ),
        # The plan's hosts and QwenCloud's have no workspaces.
        (
            "token-plan-cn-beijing",
            {"DASHSCOPE_WORKSPACE_ID": "llm-abc"},
            ("token-plan-cn-beijing", "https://token-plan.cn-beijing.maas.aliyuncs.com/api/v1"),
        ),
        (
            "token-plan-ap-southeast-1",
            {},
            ("token-plan-ap-southeast-1", "https://token-plan.ap-southeast-1.maas.aliyuncs.com/api/v1"),
        ),
        ("qwencloud", {}, ("qwencloud", "https://maas.qwencloudapi.com/api/v1")),
        (
            "auto",
            {"DASHSCOPE_API_KEY_TOKEN_PLAN_CN_BEIJING": "sk-sp-1"},
            ("token-plan-cn-beijing", "https://token-plan.cn-beijing.maas.aliyuncs.com/api/v1"),
        ),
        # The SDK keeps Beijing on the shared host.
        ("auto", {"DASHSCOPE_WORKSPACE_ID": "llm-abc"}, ("cn-beijing", "https://dashscope.aliyuncs.com/api/v1")),
        # The only key there is belongs to one region.
        (
            "auto",
            {"DASHSCOPE_API_KEY_AP_SOUTHEAST_1": "sk-1"},
            ("ap-southeast-1", "https://dashscope-intl.aliyuncs.com/api/v1"),
        ),
        (
            "auto",
            {"DASHSCOPE_API_KEY_AP_SOUTHEAST_1": "sk-1", "DASHSCOPE_API_KEY": "sk-2"},
            ("cn-beijing", "https://dashscope.aliyuncs.com/api/v1"),
        ),
    ],
)
def test_hosts(region: str, environ: dict[str, str], expected: tuple[str, str]) -> None:
    assert api_host(region, environ) == ApiHost(*expected)


KEYS = {
    "the region's variable": {"DASHSCOPE_API_KEY_AP_SOUTHEAST_1": "sk-1"},
    "page": {"__model_studio/api_key_ap_southeast_1.txt": "sk-1"},
}


@pytest.mark.parametrize("singapore", KEYS.values(), ids=KEYS)
@pytest.mark.parametrize(
    ("others", "region"),
    [
        ({}, "ap-southeast-1"),
        (
            {"DASHSCOPE_API_KEY_AP_SOUTHEAST_1": "sk-2", "__model_studio/api_key_ap_southeast_1.txt": "sk-3"},
            "ap-southeast-1",
        ),
        ({"DASHSCOPE_API_REGION": "us-east-1"}, "us-east-1"),
        ({"DASHSCOPE_API_KEY_US_EAST_1": "sk-2"}, "cn-beijing"),
        ({"__model_studio/api_key_us_east_1.txt": "sk-2"}, "cn-beijing"),
        # Keys for any region.
        ({"DASHSCOPE_API_KEY": "sk-2"}, "cn-beijing"),
        ({"DASHSCOPE_API_KEY_FILE_PATH": "key"}, "cn-beijing"),
        ({"home/.dashscope/api_key": "sk-2"}, "cn-beijing"),
        ({"__model_studio/api_key.txt": "sk-2"}, "cn-beijing"),
    ],
)
def test_auto_goes_where_the_only_key_is(
    tmp_path: Path, singapore: dict[str, str], others: dict[str, str], region: str
) -> None:
    given = {**singapore, **others}
    files = {name for name in given if "/" in name}
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(given[name])
    environ = {name: value for name, value in given.items() if name not in files}
    folder = tmp_path / "__model_studio"
    assert api_host("auto", environ, folder).region == region
    assert api_host("auto", {**environ, BASE: "http://127.0.0.1:8089/api/v1"}, folder).region == region


@pytest.mark.parametrize(
    ("region", "environ", "expected"),
    [
        ("auto", {BASE: "http://127.0.0.1:8089/api/v1/"}, ("cn-beijing", "http://127.0.0.1:8089/api/v1")),
        ("us-east-1", {BASE: "http://127.0.0.1:8089/api/v1"}, ("us-east-1", "http://127.0.0.1:8089/api/v1")),
        (
            "auto",
            {BASE: "https://dashscope-intl.aliyuncs.com/api/v1"},
            ("ap-southeast-1", "https://dashscope-intl.aliyuncs.com/api/v1"),
        ),
        (
            "auto",
            {BASE: "https://{workspace_id}.us-east-1.maas.aliyuncs.com/api/v1", "DASHSCOPE_WORKSPACE_ID": "llm-1"},
            ("us-east-1", "https://llm-1.us-east-1.maas.aliyuncs.com/api/v1"),
        ),
    ],
)
def test_replaced_address(region: str, environ: dict[str, str], expected: tuple[str, str]) -> None:
    assert api_host(region, environ) == ApiHost(*expected, replaced=True)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("HTTPS://Proxy.Example/api/v1/", "https://proxy.example/api/v1"),
        ("https://proxy.example:443/api/v1", "https://proxy.example/api/v1"),
        ("http://proxy.example:80/api/v1//", "http://proxy.example/api/v1"),
        ("https://proxy.example:80/Some/api/v1", "https://proxy.example:80/Some/api/v1"),
        ("http://[::1]:080/api/v1", "http://[::1]/api/v1"),
        ("http://[::1]:8089/api/v1", "http://[::1]:8089/api/v1"),
    ],
)
def test_one_address_is_written_in_one_way(written: str, meant: str) -> None:
    host = api_host("auto", {BASE: written})
    assert host.base_url == host.identity == meant


@pytest.mark.parametrize(
    ("region", "address"),
    [
        ("cn-beijing", "https://dashscope.aliyuncs.com/api/v1"),
        ("cn-beijing", "https://DashScope.aliyuncs.com:443/api/v1/"),
        ("ap-southeast-1", "https://dashscope-intl.aliyuncs.com/api/v1"),
        ("us-east-1", "https://llm-1.us-east-1.maas.aliyuncs.com/api/v1"),
    ],
)
def test_the_vendors_own_address_makes_no_other_request(region: str, address: str) -> None:
    assert api_host("auto", {BASE: address}).identity == api_host(region, {}).identity == region


def test_another_address_makes_another_request() -> None:
    identities = {
        api_host("auto", {BASE: f"https://{host}/api/v1"}).identity for host in ("a", "b", "own.aliyuncs.com")
    }
    assert len({*identities, api_host("auto", {}).identity}) == 4


@pytest.mark.parametrize(
    ("region", "environ", "says"),
    [
        ("auto", {BASE: "127.0.0.1:8089"}, "not a usable address"),
        ("auto", {BASE: "ftp://host/api/v1"}, "not a usable address"),
        ("auto", {BASE: "https://user:pw@host/api/v1"}, "not a usable address"),
        ("auto", {BASE: "https://host:99999/api/v1"}, "not a usable address"),
        ("auto", {BASE: "http://127.0.0.1:8089"}, "ends in /api/v1"),
        ("auto", {BASE: "https://dashscope.aliyuncs.com/compatible-mode/v1"}, "ends in /api/v1"),
        ("auto", {BASE: "http://dashscope.aliyuncs.com/api/v1"}, "unencrypted"),
        ("cn-beijing", {BASE: "https://dashscope-intl.aliyuncs.com/api/v1"}, "asks for cn-beijing"),
        ("auto", {"DASHSCOPE_API_REGION": "eu-central-1"}, "eu-central-1"),
        ("ap-southeast-1", {"DASHSCOPE_WORKSPACE_ID": "evil.example/"}, "not a workspace id"),
        ("auto", {BASE: "https://{workspace_id}.us-east-1.maas.aliyuncs.com/api/v1"}, "missing"),
    ],
)
def test_settings_that_cannot_work(region: str, environ: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        api_host(region, environ)


@pytest.mark.parametrize("region", ["mars", "", "AP-SOUTHEAST-1", "https://evil.example"])
def test_only_listed_regions(region: str) -> None:
    with pytest.raises(InvalidRequest, match="cn-beijing"):
        api_host(region, {})


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("dashscope-result-sh.oss-cn-shanghai.aliyuncs.com", True),
        ("DASHSCOPE.ALIYUNCS.COM", True),
        ("aliyuncs.com.evil.example", False),
        ("evilaliyuncs.com", False),
        (None, False),
    ],
)
def test_vendor_hosts(host: str | None, expected: bool) -> None:
    assert is_vendor_host(host) is expected


SHARED = {
    "cn-beijing": "https://dashscope.aliyuncs.com/api/v1",
    "ap-southeast-1": "https://dashscope-intl.aliyuncs.com/api/v1",
    "us-east-1": "https://dashscope-us.aliyuncs.com/api/v1",
}


@pytest.mark.parametrize(
    ("region", "environ", "home"),
    [
        ("cn-beijing", {}, "cn-beijing"),
        ("ap-southeast-1", {"DASHSCOPE_WORKSPACE_ID": "llm-abc"}, "ap-southeast-1"),
        ("auto", {BASE: "https://dashscope-us.aliyuncs.com/api/v1"}, "us-east-1"),
        ("auto", {BASE: "https://llm-abc.ap-southeast-1.maas.aliyuncs.com/api/v1"}, "ap-southeast-1"),
    ],
)
def test_the_other_regions_are_at_the_vendors_own_hosts(region: str, environ: dict[str, str], home: str) -> None:
    assert {host.region: host.base_url for host in others(api_host(region, environ), tuple(SHARED))} == {
        other: address for other, address in SHARED.items() if other != home
    }


@pytest.mark.parametrize("home", REGIONS)
def test_a_key_is_asked_about_only_where_keys_that_look_so_work(home: str) -> None:
    def asked(key: str) -> set[str]:
        return {host.region for host in others(api_host(home, {}), regions_of(key))}

    assert asked("sk-sp-0123") == {"token-plan-cn-beijing", "token-plan-ap-southeast-1"} - {home}
    assert asked("sk-0123") == set(SHARED) - {home}


def test_a_key_for_a_stand_in_goes_to_no_other_host() -> None:
    gateway = {BASE: "https://gateway.example/us-east-1/api/v1"}
    assert [host.base_url for host in others(api_host("cn-beijing", gateway), tuple(SHARED))] == [
        "https://gateway.example/cn-beijing/api/v1",
        "https://gateway.example/ap-southeast-1/api/v1",
    ]
    assert others(api_host("cn-beijing", {BASE: "https://us-east-1.gateway.example/api/v1"})) == []
