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


def serve_until_ended(process: subprocess.Popen[bytes]) -> None:
    """Wait for a program that is to be stopped by Ctrl-C or SIGTERM, and that may have things to finish then.

    A terminal's Ctrl-C reaches it too; SIGTERM, which raises SystemExit here, is handed on. A second one comes out.
    """
    try:
        process.wait()
    except KeyboardInterrupt:
        process.wait()
    except SystemExit:
        process.terminate()
        process.wait()
        raise


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
