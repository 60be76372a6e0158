"""A real PostgreSQL server of the tests' own: in its own folder, on a free port of this machine, ended at the end."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.needs import is_missing

_USER = "postgres"  # the server refuses to run as root; Debian's package makes this user


@dataclass(frozen=True)
class Postgres:
    """A running server; anybody on this machine may connect."""

    programs: Path
    data: Path
    port: int

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://{_USER}@127.0.0.1:{self.port}/postgres"

    @property
    def address(self) -> str:
        return f"host=127.0.0.1 port={self.port} user={_USER} dbname=postgres"

    def control(self, *arguments: str) -> None:
        options = f"-p {self.port} -k {self.data} -c listen_addresses=127.0.0.1 -c fsync=off"
        command = [self.programs / "pg_ctl", "-D", self.data, "-w", "-l", self.data / "log", "-o", options, *arguments]
        _run(*command)

    def restart(self) -> None:
        """As after a crash: whoever is connected is cut off in the middle of what was asked."""
        self.control("-m", "immediate", "restart")


def find_programs() -> Path:
    """The newest installed server."""
    known = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    found = sorted(known, key=lambda path: float(path.parent.name)) or [
        Path(path).parent for path in [shutil.which("initdb")] if path
    ]
    if not found:
        is_missing("PostgreSQL", "postgresql")
    return found[-1]


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A fresh server for the length of a block."""
    programs = find_programs()
    with tempfile.TemporaryDirectory(prefix="keepfit-postgres-") as name:
        folder = Path(name)
        if os.geteuid() == 0:
            shutil.chown(folder, _USER)
        server = Postgres(programs, folder / "data", _free_port())
        _run(programs / "initdb", "-D", server.data, "-U", _USER, "-A", "trust", "--no-sync")
        server.control("start")
        try:
            yield server
        finally:
            if server.data.joinpath("postmaster.pid").exists():  # a test may have stopped it and failed then
                server.control("-m", "immediate", "stop")


def _run(*command: object) -> None:
    prefix = ["runuser", "-u", _USER, "--"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*prefix, *map(str, command)], cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
