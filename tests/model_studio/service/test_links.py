"""Which links to pictures are followed."""

from __future__ import annotations

import pytest

from model_studio.account.regions import ApiHost
from model_studio.errors import PictureRefused
from model_studio.service.links import check_link

VENDOR = ApiHost("cn-beijing", "https://dashscope.aliyuncs.com/api/v1")
LOCAL = ApiHost("cn-beijing", "http://127.0.0.1:8089/api/v1", replaced=True)
QUERY = "?Expires=1781778573&OSSAccessKeyId=LTAIx&Signature=c2ln%2BbmF0dXJl%3D"


@pytest.mark.parametrize(
    ("link", "api"),
    [
        ("https://dashscope-result-sh.oss-cn-shanghai.aliyuncs.com/a.png" + QUERY, VENDOR),
        ("https://dashscope-7c2c.oss-accelerate.aliyuncs.com/a.png" + QUERY, VENDOR),
        ("https://dashscope-result-sh.oss-cn-shanghai.aliyuncs.com:443/a.png", VENDOR),
        ("http://127.0.0.1:8089/oss/a.png" + QUERY, LOCAL),
        ("https://dashscope-result-sh.oss-cn-shanghai.aliyuncs.com/a.png", LOCAL),
    ],
)
def test_links_that_are_followed_as_they_are(link: str, api: ApiHost) -> None:
    assert check_link(link, api) == link


def test_old_http_links_are_followed_over_https() -> None:
    link = "http://dashscope-result-bj.oss-cn-beijing.aliyuncs.com/a.png" + QUERY
    assert check_link(link, VENDOR) == link.replace("http:", "https:")


@pytest.mark.parametrize(
    ("link", "api"),
    [
        ("https://evil.example/a.png", VENDOR),
        ("https://aliyuncs.com.evil.example/a.png", VENDOR),
        ("https://evilaliyuncs.com/a.png", VENDOR),
        ("https://me@oss.aliyuncs.com/a.png", VENDOR),
        ("https://oss.aliyuncs.com@evil.example/a.png", VENDOR),
        ("https://oss.aliyuncs.com:8443/a.png", VENDOR),
        ("http://127.0.0.1:8089/a.png", VENDOR),
        ("http://169.254.169.254/latest/meta-data", VENDOR),
        ("http://127.0.0.1:8090/a.png", LOCAL),
        ("https://127.0.0.1:8089/a.png", LOCAL),
        ("http://localhost:8089/a.png", LOCAL),
        ("file:///etc/passwd", VENDOR),
        ("ftp://oss.aliyuncs.com/a.png", VENDOR),
        ("//oss.aliyuncs.com/a.png", VENDOR),
        ("https://[::1/a.png", VENDOR),
        ("https://oss.aliyuncs.com:port/a.png", VENDOR),
        ("not a link", VENDOR),
        ("https://evil.example\\.aliyuncs.com/a.png", VENDOR),
        ("https://169.254.169.254\\.aliyuncs.com/a.png", VENDOR),
        ("https://evil.example\t.aliyuncs.com/a.png", VENDOR),
        ("https://evil.example#.aliyuncs.com/a.png", VENDOR),
        ("https://evil.example?.aliyuncs.com/a.png", VENDOR),
        ("https://oss.aliyuncs.com:80/a.png", VENDOR),
        ("https://oss.aliyuncs.com/a\\b.png", VENDOR),
        ("https://oss.aliyuncs.com/a b.png", VENDOR),
        ("http://127.0.0.1:8089\\@evil.example/a.png", LOCAL),
    ],
)
def test_links_that_are_not_followed(link: str, api: ApiHost) -> None:
    with pytest.raises(PictureRefused):
        check_link(link, api)


def test_a_replaced_host_is_not_the_vendor_without_replacement() -> None:
    with pytest.raises(PictureRefused):
        check_link("http://127.0.0.1:8089/a.png", ApiHost("cn-beijing", "http://127.0.0.1:8089/api/v1"))
