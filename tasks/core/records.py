"""Reading back what we wrote down as JSON, and what anybody who can write there may have put in its place."""

import json
import re
from typing import Any

_HALF_A_LETTER = re.compile(r"\\u[dD][89a-fA-F]")


def read_object(text: str | bytes) -> dict[str, Any]:
    """The object that JSON holds; raises ValueError for whatever else stands there, also for half a letter."""
    told = text.decode() if isinstance(text, bytes) else text
    try:
        found = json.loads(told)
        if _HALF_A_LETTER.search(told):
            json.dumps(found, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("nested without end") from None
    if not isinstance(found, dict):
        raise ValueError(f"a {type(found).__name__} in the place of an object")  # noqa: TRY004 - it is what was read
    return found
