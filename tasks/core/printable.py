"""Names that others chose, such as those of files, made harmless for logs, pages, tables and names of runs."""

import unicodedata

_LONGEST = 120
_HARMFUL = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}  # control, direction, surrogates, line ends


def printable(name: str) -> str:
    """The name with what is not seen, or does something, written as an escape; a long one is cut in its middle."""
    shown = "".join(_escaped(sign) if unicodedata.category(sign) in _HARMFUL else sign for sign in name)
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST // 2]}...{shown[-_LONGEST // 2 :]}"


def _escaped(sign: str) -> str:
    return sign.encode("unicode_escape", "surrogatepass").decode("ascii")
