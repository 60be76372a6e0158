"""Values as one-line YAML for files that people read: texts, numbers, comments. What is written is not decided here."""

import json
import math
from decimal import Decimal

_DIGITS = 4


def flow(value: object) -> str:
    """Flow YAML: texts as JSON, which says about every text that it is one; numbers without an exponent.

    YAML 1.1 reads 1e-05, which JSON may write, as a text.
    """
    if isinstance(value, float):
        return format(Decimal(str(int(value) if value.is_integer() else value)), "f")
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow(inner) for inner in value) + "]"
    # YAML folds or refuses some control characters that JSON leaves as they are.
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in json.dumps(value, ensure_ascii=False))


def outward(value: float, direction: int) -> float:
    """The value moved down (-1) or up (1) to as many digits as a person wants to read."""
    if value == 0:
        return 0.0
    scale = 10.0 ** (_DIGITS - 1 - math.floor(math.log10(abs(value))))
    return direction * math.ceil(direction * value * scale) / scale


def comment(text: str) -> str:
    """A comment of one line, whatever the text holds."""
    return "# " + " ".join(text.split())
