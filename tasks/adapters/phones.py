"""Telephone numbers by the numbering plans of all countries. Which columns are looked at is not decided here."""

import re
from collections.abc import Iterable

_INTERNATIONAL = re.compile(r"(?<![\w.+])(?:\+|00)[ ]?\(?\d(?:[ ().\-/]{0,2}\d){6,14}(?!\d)")
_NATIONAL = re.compile(r"(?<![\w.])\(?\d(?:[ ().\-/]{0,2}\d){6,13}(?![\w])")
_REGIONS = ("US", "GB", "DE", "FR", "ES", "IT", "NL", "IN", "BR", "AU")


def numbers(text: str, named: bool) -> Iterable[bool]:
    """For each place in a text that looks like a telephone number: whether a country's plan has such a number.

    Without a country code nearly any digits are a number somewhere; they count only where the column's name says so.
    """
    for found in _INTERNATIONAL.finditer(text):
        yield _is_valid(re.sub(r"^00", "+", found.group()), None)
    if named:
        for found in _NATIONAL.finditer(text):
            yield any(_is_valid(found.group(), region) for region in _REGIONS)


def _is_valid(text: str, region: str | None) -> bool:
    import phonenumbers

    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(text, region))
    except phonenumbers.NumberParseException:
        return False
