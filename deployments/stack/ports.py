"""Which port each part listens on: asked for, else remembered, else the next free one. Nothing is started here."""

import socket
import zlib
from collections.abc import Mapping
from pathlib import Path

import psutil

from config.settings import LOOPBACK
from tasks.core.errors import ConfigInvalid

# Below the range from which operating systems take ports for outgoing connections (Linux: 32768 and up).
_FIRST, _COUNT = 20000, 10000


def choose_ports(
    home: Path, names: list[str], asked: Mapping[str, int], remembered: Mapping[str, int]
) -> dict[str, int]:
    """One free port for each name.

    The search starts at a place that depends on `home`, so that two stacks on one machine seldom meet.
    Raises ConfigInvalid when a port that was asked for is taken.
    """
    chosen: dict[str, int] = {}
    for name, port in asked.items():
        if port in chosen.values() or not is_free(port):
            raise ConfigInvalid(
                f"port {port}, asked for {name}, is already in use{_user_of(port)}; "
                f"choose another one with --port-{name}, or leave the option out and a free one is found"
            )
        chosen[name] = port
    for offset, name in enumerate(name for name in names if name not in chosen):
        start = zlib.crc32(str(home).encode()) + 4 * offset
        candidates = [remembered.get(name, 0), *(_FIRST + (start + step) % _COUNT for step in range(_COUNT))]
        chosen[name] = next(port for port in candidates if port and port not in chosen.values() and is_free(port))
    return chosen


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback interface now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def _user_of(port: int) -> str:
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.laddr and connection.laddr.port == port and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (process {connection.pid})"
    except psutil.Error:
        return ""
    return ""
