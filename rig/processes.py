"""Server processes on the loopback address."""

from __future__ import annotations

import socket
import subprocess


def end(process: subprocess.Popen[bytes]) -> None:
    """End this one process: politely, then by force."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


def free_port(preferred: int = 0) -> int:
    """The preferred port of the loopback address if nothing listens there, else any other."""
    try:
        with socket.create_server(("127.0.0.1", preferred)) as server:
            port: int = server.getsockname()[1]
            return port
    except OSError:
        return free_port()


def listens(port: int) -> bool:
    """Whether something on the loopback address takes connections at this port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
