"""Both halves of the tests at the same time, because one keeps a processor busy and the other mostly waits for servers.

    python -m tests.both [options of pytest]

The end-to-end tests run in a process of their own, whose output follows when the others are done; those are dealt out,
file by file, to as many processes as there are processors. Exit status: the first that is not 0.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from config.settings import PROJECT

_PYTEST = [sys.executable, "-m", "pytest", *sys.argv[1:]]
_DEALT_OUT = ["-n", "logical", "--maxprocesses", "4", "--dist", "loadfile"]  # each takes 1 GB


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="keepfit-tests-") as folder:
        told = Path(folder) / "end-to-end.txt"
        with told.open("w") as output:
            servers = subprocess.Popen([*_PYTEST, "-m", "e2e"], cwd=PROJECT, stdout=output, stderr=output)
        try:
            _say("All tests but the end-to-end ones; those run meanwhile, and their output follows.")
            rest = subprocess.run([*_PYTEST, "-m", "not e2e", *_DEALT_OUT], cwd=PROJECT, check=False).returncode
            _say("The end-to-end tests, on real servers:")
            _follow(told, servers)
        except KeyboardInterrupt:
            servers.wait()  # it was interrupted as well, and ends its servers
            return 130
        return rest or servers.returncode


def _follow(told: Path, process: "subprocess.Popen[bytes]") -> None:
    with told.open() as lines:
        while True:
            ended = process.poll() is not None
            sys.stdout.write(lines.read())
            sys.stdout.flush()
            if ended:
                return
            time.sleep(1)


def _say(line: str) -> None:
    print(f"\n{line}\n", flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
