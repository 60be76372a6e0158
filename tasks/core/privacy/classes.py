"""The classes of personal data, and which of them a column's name says. Values are looked at elsewhere."""

import re
from collections.abc import Mapping
from typing import Literal, get_args

PersonalClass = Literal[
    "mail", "phone", "iban", "card", "national_id", "name", "address", "free_text", "birth_date", "age", "place",
    "category", "amount", "other",
]  # fmt: skip
"""`category` and `amount` are values that point at a person because they are rare or the largest."""
CLASSES: tuple[PersonalClass, ...] = get_args(PersonalClass)
DETECTED: tuple[PersonalClass, ...] = ("mail", "iban", "phone", "card", "national_id")
"""Direct identifiers that tell themselves by their form and their check digits, the surest first."""

_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_NAMES: Mapping[PersonalClass, re.Pattern[str]] = {
    "mail": re.compile(r"e_?mail"),
    "phone": re.compile(r"phone|mobile_?n|(^|_)(fax|msisdn)($|_)"),
    "iban": re.compile(r"iban|bank_?account"),
    "card": re.compile(r"(credit|debit|payment)_?card|card_?n|(^|_)pan$"),
    "national_id": re.compile(r"passport|(^|_)(ssn|nhs|bsn|nir|pesel|cpf|tax_?id|social_?security)|national_?id"),
    "birth_date": re.compile(r"birth|(^|_)dob($|_)"),
    "address": re.compile(r"street|address"),
    "name": re.compile(r"first_?name|last_?name|surname|full_?name|given_?name|family_?name|maiden"),
}


def class_of_name(name: str) -> PersonalClass | None:
    """The class that a column's name says, or None; `emailAddress`, `E-Mail` and `email_address` are one name."""
    plain = snake(name)
    return next((found for found, pattern in _NAMES.items() if pattern.search(plain)), None)


def snake(name: str) -> str:
    """A column's name in small letters, its words joined by underscores."""
    return _CAMEL.sub("_", name).lower().replace(" ", "_").replace("-", "_")
