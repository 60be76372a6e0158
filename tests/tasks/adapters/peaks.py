"""The memory that a script needs at its peak, beyond what its imports take."""

import subprocess
import sys

from config.settings import PROJECT

MEASURE = """
import sys
import pyarrow.dataset, pyarrow.parquet, pandas, deltalake, httpx
def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
script, sys.argv = sys.argv[1], sys.argv[1:]
before = peak()
exec(script)
print(peak() - before)
"""


def peak_of(script: str, *arguments: str) -> int:
    """KiB that the peak of a process of its own rose by while it ran the script with these arguments."""
    command = [sys.executable, "-c", MEASURE, script, *arguments]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)
