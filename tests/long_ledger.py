"""Ledgers as long as they become in years of use."""

from __future__ import annotations

from model_studio.ledger import Entry, Ledger

# One record many times, each with a name, a task id and a prompt of its own.
_COPY = """
WITH RECURSIVE copies (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM copies WHERE number < ?)
INSERT INTO requests ({columns}) SELECT {values} FROM requests, copies WHERE id = ?
"""
_OWN = {"name": "name || number", "task_id": "task_id || number", "prompt": "prompt || number"}


def copy(ledger: Ledger, entry: Entry, count: int) -> None:
    """Writes `count` more records like this one, in one transaction: one by one would take minutes."""
    with ledger.database.transaction() as database:
        columns = [row["name"] for row in database.execute("PRAGMA table_info(requests)") if row["name"] != "id"]
        values = [_OWN.get(column, column) for column in columns]
        database.execute(_COPY.format(columns=", ".join(columns), values=", ".join(values)), (count, entry.id))
