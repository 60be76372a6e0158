"""Personal data: direct identifiers where nobody declared any, and classes that the pipeline's file refuses."""

from collections.abc import Iterator

from tasks.core.privacy.classes import CLASSES, DETECTED
from tasks.core.privacy.policies import Refuse
from tasks.core.privacy.protection import Protection
from tests.corpus.case import Case, cells, column, with_column

VALUES = {
    "mail": "ada.lovelace@post.example.org",
    "iban": "DE89370400440532013000",
    "phone": "+49 30 901820",
    "card": "4111111111111111",
    "national_id": "123-45-6789",
}
"""One value of each class that tells itself, with right check digits."""
MANY = {"protection": Protection(max_share=0.5)}


def cases() -> Iterator[Case]:
    """The cases of the theme."""
    for kind in DETECTED:
        value = VALUES[kind]
        told = cells({4: {"zone": value}})
        yield Case(
            f"{kind} in one row", told, rows={4: f"privacy:{kind}:zone"}, suite=MANY, secrets=(value,),
        )  # fmt: skip
        yield Case(
            f"{kind} in more rows than are allowed",
            told,
            rows={4: f"privacy:{kind}:zone"},
            refused=f"batch:privacy:{kind}:zone",
            secrets=(value,),
        )
    yield Case(
        "direct identifiers where none is allowed at all",
        cells({4: {"zone": VALUES["mail"]}}),
        rows={4: "privacy:mail:zone"},
        refused="batch:privacy:mail:zone",
        suite={"protection": Protection(undeclared="refuse", max_share=1.0)},
        secrets=(VALUES["mail"],),
    )
    yield Case(
        "direct identifiers that are allowed",
        cells({4: {"zone": VALUES["mail"]}}),
        suite={"protection": Protection(undeclared="allow")},
        typed={"zone": ["a", "b", "a", "b", VALUES["mail"], "b", "a", "b", "a", "b"]},
    )
    for kind in CLASSES:
        yield Case(
            f"{kind} in a column that may hold none",
            column("zone", "a", "", "", "", ""),
            columns=with_column("zone", privacy=kind, optional=True),
            refused=f"batch:privacy:{kind}:zone",
            suite={"protection": Protection(policies={kind: Refuse()})},
        )
