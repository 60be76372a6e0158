"""What a policy leaves of a value, and what keys say of themselves."""

import hashlib
import hmac

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.core.columns import Column
from tasks.core.errors import ConfigInvalid
from tasks.core.privacy.classes import CLASSES, class_of_name
from tasks.core.privacy.keys import Keys, read_keys
from tasks.core.privacy.policies import DEFAULTS, OTHER, Bands, Common, Dates, Drop, Prefix, Pseudonymise, Refuse
from tasks.core.privacy.protection import Protection, judge_found

SECRET = "0123456789abcdef0123456789abcdef"  # noqa: S105 - of the tests
KEYS = read_keys(f"k2:{SECRET}, k1:{SECRET[::-1]}")


def column(privacy: str, kind: str = "string", role: str = "feature") -> Column:
    return Column(name="c", role=role, type=kind, privacy=privacy)


def test_every_class_has_a_policy_and_a_column_may_carry_it() -> None:
    assert set(DEFAULTS) == set(CLASSES)
    with pytest.raises(ValidationError):
        column("mails")


@given(st.text(min_size=1), st.text(min_size=1))
def test_a_pseudonym_is_the_hmac_of_class_and_value_and_holds_neither(one: str, other: str) -> None:
    name = KEYS.pseudonym(one, "other")
    message = b"other\0" + one.encode("utf-8", "surrogatepass")
    assert name == "k2." + hmac.new(SECRET.encode(), message, hashlib.sha256).hexdigest()[:32]
    assert (KEYS.pseudonym(other, "other") == name) == (one == other)
    assert KEYS.pseudonym(one, "mail") != name
    assert KEYS.pseudonym(one, "other", "k1").startswith("k1.")


def test_however_a_value_is_typed_it_gets_one_pseudonym_and_none_stays_none() -> None:
    mails = pd.Series(["Ada@Example.org", "ada@example.org", None])
    names = Pseudonymise().protect(mails, "mail", KEYS, None)
    assert names[0] == names[1]
    assert names[0].startswith("k2.")
    assert names[2] is None or pd.isna(names[2])
    ibans = Pseudonymise().protect(pd.Series(["GB29 NWBK 6016", "gb29nwbk6016"]), "iban", KEYS, "k1")
    assert ibans[0] == ibans[1]


def test_dates_numbers_codes_and_texts_are_made_coarse() -> None:
    born = pd.to_datetime(pd.Series(["1984-07-23T05:00Z", None]), utc=True)
    assert str(Dates().protect(born, "birth_date", KEYS, None)[0]) == "1984-07-01 00:00:00+00:00"
    assert str(Dates(to="year").protect(born, "birth_date", KEYS, None)[0]) == "1984-01-01 00:00:00+00:00"
    assert pd.isna(Dates().protect(born, "birth_date", KEYS, None)[1])
    ages = pd.Series([34, 40, 107, None], dtype="Int64")
    banded = Bands(width=10, top=80).protect(ages, "age", KEYS, None)
    assert list(banded[:3]) == [30, 40, 80]
    assert banded.dtype == ages.dtype
    assert pd.isna(banded[3])
    assert list(Prefix(letters=2).protect(pd.Series(["10115", "10999"]), "place", KEYS, None)) == ["10", "10"]
    towns = pd.Series(["Rome"] * 10 + ["Ghent"] * 9 + [None])
    kept = Common(at_least=10).protect(towns, "place", KEYS, None)
    assert set(kept.dropna()) == {"Rome", OTHER}
    assert kept.isna().sum() == 1


@pytest.mark.parametrize(
    ("policy", "given_column", "fits"),
    [
        (Drop(), column("name"), False),
        (Drop(), column("name", role="ignore"), True),
        (Pseudonymise(), column("mail", role="id"), True),
        (Pseudonymise(), column("mail", "integer"), False),
        (Dates(), column("birth_date", "datetime", "protected"), True),
        (Dates(), column("birth_date", "datetime", "time"), False),
        (Dates(), column("birth_date"), False),
        (Bands(), column("age"), False),
        (Bands(), column("age", "integer"), True),
        (Prefix(), column("place"), True),
        (Prefix(), column("place", "number"), False),
        (Common(), column("place", role="id"), False),
        (Refuse(), column("card"), False),  # with values it is refused, and without any it is a feature of nothing
        (Refuse(), column("card").model_copy(update={"optional": True}), True),
        (Refuse(), column("card", role="protected"), True),
        (Refuse(), column("card", role="id"), False),
    ],
)  # fmt: skip
def test_a_policy_that_cannot_be_applied_is_said(policy: object, given_column: Column, fits: bool) -> None:
    protection = Protection({given_column.privacy: policy})
    assert (protection.misfit([given_column]) == "") == (fits or given_column.role == "ignore")


@pytest.mark.parametrize("text", ["k1", "k1:short", f"a b:{SECRET}", f"k1:{SECRET},k1:{SECRET}", SECRET])
def test_a_key_that_is_none_is_refused_and_never_quoted(text: str) -> None:
    with pytest.raises(ConfigInvalid) as told:
        read_keys(text)
    assert "KEEPFIT_PRIVACY_KEYS" in str(told.value)
    assert SECRET not in str(told.value)
    assert "short" not in str(told.value)


def test_keys_show_no_secret_and_nothing_is_named_without_one() -> None:
    assert SECRET not in repr(KEYS) + str(KEYS)
    assert KEYS.ids == ("k2", "k1")
    with pytest.raises(ConfigInvalid, match="openssl rand"):
        Keys().pseudonym("x", "mail")


@pytest.mark.parametrize(
    ("name", "kind"),
    [("emailAddress", "mail"), ("E-Mail", "mail"), ("Mobile Number", "phone"), ("date_of_birth", "birth_date"),
     ("IBAN", "iban"), ("firstName", "name"), ("street", "address"), ("passport_no", "national_id"),
     ("plan", None), ("card_type", None), ("company_panel", None), ("session", None)],
)  # fmt: skip
def test_a_name_says_its_class(name: str, kind: str | None) -> None:
    assert class_of_name(name) == kind


def test_few_undeclared_values_refuse_their_rows_and_many_the_delivery() -> None:
    hits = {"note": {"mail": [3, 5]}}
    few = judge_found(Protection(max_share=0.02), hits, 100)
    assert (few.rows, few.refusals) == ({"privacy:mail:note": [3, 5]}, {})
    many = judge_found(Protection(max_share=0.01), hits, 100)
    assert list(many.refusals) == ["privacy:mail:note"]
    assert "2.0% of the rows, 1.0% allowed" in many.refusals["privacy:mail:note"]
    assert judge_found(Protection(undeclared="refuse"), hits, 100).refusals
