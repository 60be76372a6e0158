"""What may stand in the place of a JSON file of ours: names to call, texts that break a reader, and damage."""

import json
import pickle
from typing import Any

NAMES = ("evil.Thing", "evil.sub.Thing", "os.system", "builtins.eval", "subprocess.Popen", "evidently.evil.Thing",
         "evidently.cli.__main__.app", "evidently.pydantic_utils.os.system", "../evil.Thing",
         "evidently:metric:evil.Thing", "Thing", "")  # fmt: skip
CALLS = {"py/object": "evil.Thing", "__class__": "evil.Thing", "__reduce__": ["evil.Thing", []],
         "$type": "evil.Thing, evil"}  # fmt: skip
EVIL = """
from pathlib import Path
Path({mark!r}).touch()
class Thing:
    @classmethod
    def validate(cls, told): return told
"""


class Runs:
    def __reduce__(self) -> Any:
        return __import__, ("evil",)


def damaged(sound: dict[str, Any]) -> dict[str, bytes]:
    """By name: files that are no JSON, or not of this object. Those with a name of code import `evil` if believed."""
    text = json.dumps(sound)
    texts = {
        "yaml": "!!python/object/apply:importlib.import_module [evil]",
        "deep": "[" * 100_000,
        "deep and whole": "[" * 100_000 + "]" * 100_000,
        "a long number": "9" * 10_000,
        "no number": "NaN",
        "beyond numbers": "1e999",
        "null": "null",
        "a text": '"evil.Thing"',
        "a list": "[]",
        "nothing in it": "{}",
        "calls alone": json.dumps(CALLS),
        "cut": text[: len(text) * 2 // 3],
        "twice": text * 2,
    }
    files = {name: told.encode() for name, told in texts.items()}
    return files | {"pickle": pickle.dumps(Runs()), "no text": b"\xff\xfe\x00", "zeros": bytes(4096), "empty": b""}
