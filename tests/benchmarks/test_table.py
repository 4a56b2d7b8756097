"""The table."""

from __future__ import annotations

from benchmarks.table import Row, markdown


def test_a_table_of_ratios() -> None:
    text = markdown([Row(2.0, 16, 2.0, 3.0, 3.3, 4.4)])

    heading, rule, row = text.splitlines()
    assert len(heading) == len(rule) == len(row)
    cells = dict(zip((c.strip() for c in heading.split("|")), (c.strip() for c in row.split("|")), strict=True))
    assert cells["nodes"] == "16"
    assert cells["ours / floor"] == "1.65"
    assert cells["ours / schedule floor"] == "1.10"
    assert cells["partner / floor"] == "2.20"
    assert cells["partner / ours"] == "1.33"
