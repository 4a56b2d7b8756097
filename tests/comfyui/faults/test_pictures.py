"""What goes wrong with a picture on its way here: what users see, what is billed, what the next run does.

The columns of a run are explained at `Row` in conftest.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from .conftest import ends_well

OK, STORED, RESUMED = "1 new", "1 from store", "1 resumed"
BROKEN = r"PictureBroken: The file of a finished picture at 127\.0\.0\.1 is damaged: {}\. .*"


def passes(fault: str, kind: str, **options: Any) -> dict[str, Any]:
    """Trouble on the way: free, and fetched again."""
    return {"fault": fault, "faults": {kind: {"on": "picture", **options}}, "runs": ends_well(OK, 1, 1)}


SENT_AGAIN = r"1 new; An earlier {} of this request can no longer be fetched, so it was sent again\."


def fails(fault: str, kind: str, sees: str) -> dict[str, Any]:
    """The picture cannot be fetched now; it is paid for, and the next run fetches it."""
    return {
        "fault": fault,
        "inputs": {"timeout": 10},
        "faults": {kind: {}},
        "runs": [(sees, 1, 1), *ends_well(RESUMED, 1, 1)],
    }


def kept(fault: str, kind: str, sees: str) -> dict[str, Any]:
    """A whole file of a kind that cannot be opened: it is in the store, for a time when it can."""
    return {"fault": fault, "faults": {kind: {}}, "runs": [(sees, 1, 1), (sees, 1, 1)]}


def other(fault: str, kind: str, note: str = "") -> dict[str, Any]:
    """A picture of an unusual kind, shown as it is."""
    return {
        "fault": fault,
        "faults": {kind: {}},
        "altered": True,
        "runs": ends_well(OK + note, 1, 1, STORED + note),
    }


ROWS: list[dict[str, Any]] = [
    # Files
    passes("picture truncated, once", "picture_truncated", times=1),
    fails("picture truncated", "picture_truncated", BROKEN.format(r"it breaks off after \d+ bytes")),
    passes("picture corrupt, once", "picture_corrupt", times=1),
    fails("picture corrupt", "picture_corrupt", BROKEN.format(r"it cannot be decoded.*")),
    fails("an HTML page instead of the picture", "picture_html", BROKEN.format("it is a web page")),
    other("JPEG under .png", "picture_jpeg"),
    other("WebP under .png", "picture_webp"),
    other("AVIF under .png", "picture_avif"),
    other("JPEG with more behind its end", "picture_trailed"),
    kept("GIF under .png", "picture_gif", r"PictureUnreadable: The file .* is of kind GIF\. These are opened: .*"),
    other("PNG of 16 bits", "picture_16bit"),
    # With the colours that were drawn: what is transparent comes out beside them.
    other("PNG with transparency", "picture_alpha", r"; A picture has transparent parts, which are in mask: .*")
    | {"altered": False},
    other("CMYK JPEG", "picture_cmyk"),
    other("PNG with a palette", "picture_palette"),
    other("grey PNG", "picture_grey"),
    fails(
        "header of 60000*60000",
        "picture_header_bomb",
        r"PictureRefused: A picture at 127\.0\.0\.1 is too large to open .*report.*",
    ),
    fails(
        "body of 500 MB",
        "picture_huge_body",
        r"PictureRefused: The file of a picture at 127\.0\.0\.1 is too large: .*report.*",
    ),
    # The storage
    passes("link expired, three times", "picture_expired", times=3),
    passes("picture missing (404), three times", "picture_missing", times=3),
    fails("link expired", "picture_expired", r"PictureExpired: The link .* has expired\..*asked for again.*"),
    fails(
        "picture missing (404)", "picture_missing", r"PictureExpired: The link .* does not work\..*asked for again.*"
    ),
    fails(
        "redirect to another host", "picture_redirect", r"PictureRefused: .* wants to redirect .*It was not followed.*"
    ),
    passes("storage 500, twice", "picture_500", times=2),
    passes("storage 429, twice", "picture_429", times=2),
    # The line
    passes("HTML 502 on the picture, twice", "http_502", times=2),
    passes("reset before the picture comes, twice", "reset_on_connect", times=2),
    passes("reset in the middle of the picture, twice", "break_in_body", times=2),
    passes("the picture drips in slowly", "slow_drip", times=1, seconds=4.0),
    # Some of several
    {
        "fault": "one of two pictures redirected",
        "inputs": {"n": 2},
        "faults": {"picture_redirect": {"times": 1}},
        "runs": [
            (r"1 new; 2 pictures were asked for, 1 came\.; A picture was lost: .*", 1, 2),
            *ends_well("2 resumed", 1, 2, "2 from store"),
        ],
    },
    *(
        {
            "fault": f"link expired for good, {mode}",
            "mode": mode,
            "inputs": {"timeout": 10},
            "faults": {"picture_expired": {}},
            "later": 25 * 3600,  # by the service's clock alone
            "denied": 200,
            "runs": [
                (r"PictureExpired: The link .* has expired\..*asked for again.*", 1, 1),
                (r"PictureExpired: The link .* has expired\..*Queue again to try once more.*", 1, 1),
                *ends_well(SENT_AGAIN.format("picture"), 2, 2),
            ],
        }
        for mode in ("sync", "async")
    ),
    {
        "fault": "link expired, and run again a day later",
        "mode": "async",
        "inputs": {"timeout": 10},
        "faults": {"picture_expired": {}},
        "later": 25 * 3600,
        "aged": 25 * 3600,
        "runs": [
            (r"PictureExpired: The link .* has expired\..* task id .*", 1, 1),
            *ends_well(SENT_AGAIN.format("picture"), 2, 2),
        ],
    },
    {
        "fault": "pictures stored, run again a day later",
        "later": 25 * 3600,
        "aged": 25 * 3600,
        "runs": ends_well(OK, 1, 1),
    },
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["fault"])
def test_fault(row: Mapping[str, Any], check: Callable[[Mapping[str, Any]], None]) -> None:
    check(row)
