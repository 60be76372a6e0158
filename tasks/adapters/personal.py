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

if TYPE_CHECKING:
    import pandas as pd

_HINT = r"@|\+ ?\(?\d|00\d{2}|[A-Za-z]{2}\d\d|\d([ .()/-]{0,2}\d){7}"
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
_SHARE, _MANY, _NEARLY_ALL = 0.5, 20, 0.9

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
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    distinct = pd.Series(texts.dropna().unique(), dtype=object)
    if distinct.empty:
        return {}
    hinted = pc.match_substring_regex(pa.array(distinct, type=pa.string()), _HINT)
    suspects = [str(text)[:_LONG] for text in distinct[hinted.to_numpy(zero_copy_only=False).astype(bool)]]
    whole = dict(zip(suspects, distinct[hinted.to_numpy(zero_copy_only=False).astype(bool)], strict=True))
    said, answers = class_of_name(name), {}
    for kind, detect in _DETECTORS.items():
        if held := _borne_out(suspects, detect, said == kind):
            answers[kind] = texts.isin([whole[text] for text in held])
    for form in _PLAIN if "national_id" not in answers else ():
        held = _borne_out(suspects, partial(_ids, [form]), named=False)
        alike = sum(bool(_IDS[form].search(text)) for text in suspects) if held else 0
        if len(held) >= max(_MANY, _NEARLY_ALL * alike):
            answers["national_id"] = texts.isin([whole[text] for text in held])
    return answers


def _borne_out(texts: Sequence[str], detect: Detector, named: bool) -> set[str]:
    held, alike = set(), 0
    for text in texts:
        seen = list(detect(text, named))
        alike += bool(seen)
        if any(seen):
            held.add(text)
    return held if len(held) >= _SHARE * alike else set()


def _texts(values: "pd.Series", kind: str) -> "pd.Series | None":
    """What is looked at of a typed column: texts, and whole numbers of nine digits or more."""
    if kind in {"string", "category"}:
        return values
    if kind not in {"integer", "number"}:
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
