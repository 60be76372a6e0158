"""What may stand in the place of a JSON file of ours: names to call, texts that break a reader, and damage."""

import json
import pickle
from collections.abc import Iterator
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


WRONG: dict[str, Any] = {
    "none": None,
    "a number": 5,
    "a long number": 10**4_000,
    "not a number": float("nan"),
    "beyond numbers": float("inf"),
    "a text": "evil.Thing",
    "half a letter": "\ud800",
    "nul": "a\0b",
    "a list": [{"a": [CALLS]}],
    "an object": CALLS,
    "no list": [],
}


def spoilt(sound: Any) -> Iterator[tuple[str, Any]]:
    """By place and kind: the same with one value, at any depth, missing or of another kind."""
    places = sound.items() if isinstance(sound, dict) else enumerate(sound) if isinstance(sound, list) else ()
    for place, value in places:
        for kind, wrong in WRONG.items():
            copy = sound.copy()
            copy[place] = wrong
            yield f"{kind} at {place}", copy
        copy = sound.copy()
        del copy[place]
        yield f"no {place}", copy
        for name, inside in spoilt(value):
            copy = sound.copy()
            copy[place] = inside
            yield f"{name} of {place}", copy


def hostile(sound: dict[str, Any]) -> dict[str, bytes]:
    """By name: whatever may stand in the place of this object's file."""
    return damaged(sound) | {name: json.dumps(told).encode() for name, told in spoilt(sound)} | {
        "calls beside it": json.dumps(sound | CALLS).encode()}  # fmt: skip
