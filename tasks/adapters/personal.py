"""Finds direct identifiers in the values of columns (mail, IBAN, phone, card, national ids) by form and check digits.

Answers hold classes, row numbers and shares, never a value. Telephone numbers are read by `tasks.adapters.phones`.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from tasks.adapters import phones
from tasks.core.columns import Column
from tasks.core.privacy.classes import PersonalClass, class_of_name
from tasks.core.repeated_cells import hardly_repeat

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

# What a text has to hold to be looked at at all, in the words of RE2, which reads a column at once.
_HINTS: Mapping[str, str] = {
    "mail": "@",
    "iban": r"[A-Za-z]{2}\d\d( ?[A-Za-z0-9]{2,4}){3}",
    "phone": r"(^|[^0-9A-Za-z.+])(\+|00) ?\(?\d",
    "card": r"\d([ -]?\d){12}",
    "national_id": r"[A-Za-z]{6}\d\d[A-Za-z]\d\d|\d{6}(\d\d)?[-+A]\d{3}|\d{8}-?[A-Z]|[XYZ]\d{7}|\d{3}-\d\d-\d{4}|"
    r"\d{3}\.\d{3}\.\d{3}|756\.\d{4}|\d\d\.\d\d\.\d\d-|[12]( ?[\dAB]){14}",
}
_DIGITS_ONLY = r"\d( ?\d){8}"
_MAIL = re.compile(
    r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9_%+][A-Za-z0-9._%+-]{0,63}@(?:[A-Za-z0-9][A-Za-z0-9-]{0,62}\.){1,5}[A-Za-z]{2,24}"
)
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d\d(?: ?[A-Za-z0-9]{2,4}){3,8}(?![A-Za-z0-9])")
_DIGITS = re.compile(r"(?<![\w.])\d(?:[ -]?\d){12,18}(?![\w])(?!\.\d)")
# Issuers' ranges and lengths (ISO/IEC 7812); a number of any other form is no card, whatever its check digit.
_CARD = re.compile(
    r"4\d{12}(\d{3})?|5[1-5]\d{14}|2(22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}|6(011|5\d\d)\d{12}|"
    r"35(2[89]|[3-8]\d)\d{12}|3(0[0-5]|[68]\d)\d{11}"
)
# Forms whose letters, signs or check digits hardly anything else has; plain digits count in a column of them only.
_STRONG: Mapping[str, str] = {
    "it.codicefiscale": r"[A-Za-z]{6}\d\d[A-Za-z]\d\d[A-Za-z]\d{3}[A-Za-z]",
    "fi.hetu": r"\d{6}[-+A]\d{3}[0-9A-Z]",
    "es.dni": r"\d{8}-?[A-Z]",
    "es.nie": r"[XYZ]\d{7}-?[A-Z]",
    "fr.nir": r"[12] ?\d\d ?\d\d ?\d[\dAB] ?\d{3} ?\d{3} ?\d\d",
    "us.ssn": r"\d{3}-\d\d-\d{4}",
    "br.cpf": r"\d{3}\.\d{3}\.\d{3}-\d\d",
    "ch.ssn": r"756\.\d{4}\.\d{4}\.\d\d",
    "se.personnummer": r"\d{6}(\d\d)?[-+]\d{4}",
    "be.nn": r"\d\d\.\d\d\.\d\d-\d{3}\.\d\d",
}
_PLAIN: Mapping[str, str] = {
    "pl.pesel": r"\d{11}",
    "de.idnr": r"\d\d ?\d{3} ?\d{3} ?\d{3}",
    "nl.bsn": r"\d{9}",
    "gb.nhs": r"\d{3} ?\d{3} ?\d{4}",
    "in_.aadhaar": r"\d{4} ?\d{4} ?\d{4}",
}
_IDS = {
    form: re.compile(rf"(?<![\w.-])(?:{pattern})(?![\w-])(?!\.\d)") for form, pattern in {**_STRONG, **_PLAIN}.items()
}
_LONG, _LARGE = 100_000, 1e8
_SHARE, _MANY, _NEARLY_ALL, _GLANCE = 0.5, 20, 0.9, 1000

Detector = Callable[[str, bool], Iterable[bool]]
"""Of a text, and whether its column's name says the class: for each place of the right form, whether it is one."""


def hits(frame: "pd.DataFrame", columns: Sequence[Column]) -> dict[str, dict[PersonalClass, list[int]]]:
    """Column -> class -> index labels of the rows that hold such a value, where the column as a whole bears it out.

    A check digit alone proves little: of sixteen-digit order numbers, one in forty passes for a card. So a class counts
    where at least half of what has its form passes. Numbers and texts are looked at; a real number is an amount.
    """
    found = {}
    for column in columns:
        texts = _texts(frame[column.name], column.type)
        if texts is not None and (answers := find(texts, column.name)):
            found[column.name] = {kind: [int(n) for n in mask.index[mask]] for kind, mask in answers.items()}
    return found


def survey(frame: "pd.DataFrame") -> dict[str, tuple[PersonalClass, float]]:
    """Column of texts -> the class that most of its values hold, and the share of its values that do."""
    found = {}
    for name in frame.columns:
        if answers := find(frame[name], str(name)):
            kind = max(answers, key=lambda one: int(answers[one].sum()))
            found[str(name)] = (kind, float(answers[kind].sum() / (frame[name] != "").sum()))
    return found


def find(texts: "pd.Series", name: str) -> dict[PersonalClass, "pd.Series"]:
    """Class -> mask of the texts that hold such a value; each distinct text is looked at once."""
    import pyarrow.compute as pc

    words = _distinct(texts)

    def suspects(pattern: str) -> "pa.Array":
        return words.filter(pc.match_substring_regex(words, pattern))

    said, answers = class_of_name(name), {}
    for kind, detect in _DETECTORS.items():
        looked_at = suspects(r"\d" if said == kind != "mail" else _HINTS[kind])
        if held := _borne_out(looked_at, detect, said == kind):
            answers[kind] = texts.isin(held)
    plain = suspects(_DIGITS_ONLY) if "national_id" not in answers else ()
    for form in _PLAIN if len(plain) else ():
        held = _borne_out(plain, partial(_ids, [form]), named=False, share=_NEARLY_ALL)
        if len(held) >= _MANY:
            answers["national_id"] = texts.isin(held)
    return answers


def _distinct(texts: "pd.Series") -> "pa.Array":
    """Each text once; where next to none stands twice all of them, because looking for equal ones takes long."""
    import pandas as pd
    import pyarrow as pa

    if isinstance(texts.dtype, pd.CategoricalDtype):
        texts = texts.cat.remove_unused_categories().cat.categories.to_series()
    words = pa.array(texts.to_numpy(), pa.large_string(), from_pandas=True).drop_null()
    return words if hardly_repeat(words) else words.unique()


def _borne_out(texts: "pa.Array", detect: Detector, named: bool, share: float = _SHARE) -> set[str]:
    """The texts that hold one, where they are at least that share of all that look alike; else none."""
    few = texts[:: max(1, len(texts) // _GLANCE)]
    if len(few) < len(texts):  # order numbers by the million need no reading to the end
        held, alike = _read(few, detect, named)
        expected = len(few) if share == _NEARLY_ALL else alike
        if expected >= _GLANCE // 4 and len(held) < share / 2 * expected:
            return set()
    held, alike = _read(texts, detect, named)
    return held if len(held) >= share * alike else set()


def _read(texts: "pa.Array", detect: Detector, named: bool) -> tuple[set[str], int]:
    seen = {text: list(detect(text[:_LONG], named)) for text in texts.to_pylist()}
    return {text for text, places in seen.items() if any(places)}, sum(map(bool, seen.values()))


def _texts(values: "pd.Series", kind: str) -> "pd.Series | None":
    """What is looked at of a typed column: texts, and whole numbers of nine digits or more."""
    if kind in {"string", "category"}:
        return values
    if kind not in {"integer", "number"}:
        return None
    if not bool((values >= _LARGE).any()):
        return None
    numbers = values.astype("float64")
    large = numbers[(numbers >= _LARGE) & (numbers < 1e19) & (numbers % 1 == 0)]  # noqa: PLR2004 - 19 digits at most
    if large.empty:
        return None
    return values.loc[large.index].map(lambda number: str(int(number))).astype(object)


def _mail(text: str, _: bool) -> Iterable[bool]:
    return (True for _ in _MAIL.finditer(text)) if "@" in text else ()


def _iban(text: str, _: bool) -> Iterable[bool]:
    from stdnum import iban

    for found in _IBAN.finditer(text):
        words = found.group().split(" ")
        # Words may follow it: the longest beginning that is valid is meant.
        tries = (" ".join(words[:end]) for end in range(len(words), 0, -1))
        yield any(iban.is_valid(one, check_country=False) for one in tries)


def _card(text: str, _: bool) -> Iterable[bool]:
    from stdnum import luhn

    for found in _DIGITS.finditer(text):
        digits = re.sub(r"[ -]", "", found.group())
        yield bool(_CARD.fullmatch(digits)) and luhn.is_valid(digits)


def _national_id(text: str, named: bool) -> Iterable[bool]:
    return _ids(_IDS if named else _STRONG, text, named)


def _ids(forms: Iterable[str], text: str, _: bool) -> Iterable[bool]:
    return (_form(form).is_valid(found.group()) for form in forms for found in _IDS[form].finditer(text))


@cache
def _form(name: str) -> Any:
    return import_module(f"stdnum.{name}")


_DETECTORS: Mapping[PersonalClass, Detector] = {
    "mail": _mail, "iban": _iban, "phone": phones.numbers, "card": _card, "national_id": _national_id,
}  # fmt: skip
