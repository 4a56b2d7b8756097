"""Locks on files, which the system frees when their process ends, however it ends."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

from filelock import FileLock

if sys.platform != "win32":
    import fcntl


def file_lock(file: Path, timeout: float = 0) -> FileLock:
    """A lock, not taken yet, to be waited for so many seconds (then filelock.Timeout). Makes the file.

    Raises OSError where the file cannot be made, or its file system has no locks: some versions of filelock take that
    for a lock of another process, others leave a file behind in place of a lock when they are killed.
    """
    if sys.platform != "win32":
        handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES):
                raise
        finally:
            os.close(handle)
    # Not bound to a thread: another instance for the same file is another lock.
    return FileLock(file, timeout=timeout, thread_local=False)
