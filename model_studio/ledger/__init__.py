"""What this machine remembers of its requests: nothing paid is lost, nothing is paid twice.

database     one SQLite file, made, migrated, and moved aside when it is damaged
records      every request that can cost money, written before it is sent
unwritten    records that could not be written, for as long as the process lives
states       how far a request got, and which state may follow which
store        the original bytes of finished pictures
claims       one run at a time for the same request, among all processes
"""

from .claims import Claims
from .database import LedgerUnavailable
from .records import Asked, Entry, Ledger, local_day, new_entry
from .states import DRAWN, FAILED, LOST, SENDING, SUBMITTED, UNCERTAIN, Reason, State
from .store import Limits, StoredFile

__all__ = [
    "DRAWN",
    "FAILED",
    "LOST",
    "SENDING",
    "SUBMITTED",
    "UNCERTAIN",
    "Asked",
    "Claims",
    "Entry",
    "Ledger",
    "LedgerUnavailable",
    "Limits",
    "Reason",
    "State",
    "StoredFile",
    "local_day",
    "new_entry",
]
