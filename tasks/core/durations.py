"""Durations as people write them in YAML ("14d", "12h", "30m", "45s", "2w"); nothing about calendars or time zones."""

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_PATTERN = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([wdhms])\s*")
_SECONDS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}


def parse_duration(value: Any) -> Any:
    """Turn "14d" into a timedelta; raise ValueError naming the allowed form. Timedeltas pass through."""
    if isinstance(value, timedelta):
        return value
    match = _PATTERN.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("write a duration as a number and one of w, d, h, m, s, for example 14d or 12h")
    try:
        return timedelta(seconds=float(match[1]) * _SECONDS[match[2]])
    except OverflowError:
        raise ValueError("a duration can be at most about 142 million weeks") from None


def format_duration(value: timedelta) -> str:
    """The shortest exact form: the largest unit that divides the duration."""
    seconds = value.total_seconds()
    unit = next((unit for unit, size in _SECONDS.items() if seconds and seconds % size == 0), "s")
    count = seconds / _SECONDS[unit]
    return f"{int(count) if count.is_integer() else repr(count)}{unit}"


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*[wdhms]\s*$", "examples": ["14d", "12h"]}),
]
