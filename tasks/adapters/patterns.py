"""Whether regular expressions of a pipeline answer in time on what was delivered; found out where it can be ended.

Python's engine can take for ever on a cell that was made for it, and nothing in the same process can stop it.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence

SECONDS = 20.0
"""How long all patterns of one rule may take on one delivery."""
_NO_CHOICE = re.compile(r"(?:[^\\*+?|{}()]|\\[dDwWsS.-]|\{[0-9]{1,3}\})*")
"""Patterns that at each place match in one way at most: they are through at once, whatever the text."""
_PROGRAM = """
import json, re, sys
given = json.load(sys.stdin)
for pattern in map(re.compile, given["patterns"]):
    for text in given["texts"]:
        pattern.search(text)
"""


def doubtful(patterns: Sequence[str]) -> list[str]:
    """Those of the patterns that may take long."""
    return [pattern for pattern in patterns if not _NO_CHOICE.fullmatch(pattern)]


def answers_in_time(patterns: Sequence[str], texts: Iterable[str]) -> bool:
    """Whether the patterns are through with all texts within `SECONDS`; a pattern that is none is through at once."""
    if not (slow := doubtful(patterns)):
        return True
    given = json.dumps({"patterns": slow, "texts": list(texts)})
    try:
        subprocess.run(
            [sys.executable, "-I", "-S", "-c", _PROGRAM], input=given, text=True, timeout=SECONDS, check=False,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return False
    return True
