"""Detectors find identifiers in values, and leave ids, amounts, clocks and real tables alone."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum import luhn
from stdnum.pl.pesel import calc_check_digit

from tasks.adapters import personal
from tasks.core.columns import Column
from tasks.core.privacy.classes import class_of_name
from tasks.core.sample import files, generate
from tests.real_data import real_texts

PERSONAL = [
    ("mail", "ada.lovelace@example.org"),
    ("mail", "please write to Ada.Lovelace+x@mail.example.co.uk, soon"),
    ("iban", "DE89370400440532013000"),
    ("iban", "pay to GB29 NWBK 6016 1331 9268 19 please"),
    ("phone", "+49 30 901820"),
    ("phone", "call 0033 1 42 68 53 00 at night"),
    ("card", "4111 1111 1111 1111"),
    ("card", "card 5500-0055-5555-5559 was refused"),
    ("card", "378282246310005"),
    ("national_id", "RCCMNL83S18D969H"),
    ("national_id", "131052-308T"),
    ("national_id", "her number is 54362315-K"),
    ("national_id", "536-90-4399"),
    ("national_id", "390.533.447-05"),
]  # fmt: skip
HARMLESS = [
    "2024-05-01", "2024-05-01T10:20:30+02:00", "20240501102030", "1714558830000", "1714558830000000", "12.50",
    "1,234,567.89", "192.168.17.254", "550e8400-e29b-41d4-a716-446655440000", "v4.11.1111", "ISBN 978-3-16-148410-0",
    "sub-0a1b2c3d", "a@b", "@home", "C++ 11", "+5", "0012", "DE12 is a road", "17031081500", "4111 1111 1111 1112",
    "DE89370400440532013001", "-87.6298123456789", "0.4111111111111111", "(41.8781136, -87.6297982)",
]  # fmt: skip


def column_of(values: list[object], kind: str = "string", name: str = "c") -> dict[str, dict[str, list[int]]]:
    frame = pd.DataFrame({name: pd.Series(values, dtype=object if kind == "string" else None)})
    return personal.hits(frame, [Column(name=name, role="feature", type=kind)])


@pytest.mark.parametrize(("kind", "value"), PERSONAL)
def test_one_value_among_a_thousand_is_found_in_its_row(kind: str, value: str) -> None:
    values: list[object] = [f"plan {number % 7}" for number in range(1000)]
    values[417] = value
    assert column_of(values).get("c", {}).get(kind) == [417]


@pytest.mark.parametrize("value", HARMLESS)
def test_what_only_looks_like_one_is_left_alone(value: str) -> None:
    assert column_of([value, None, "plain"]) == {}


def test_a_check_digit_alone_proves_nothing_about_a_column_of_numbers() -> None:
    draw = np.random.default_rng(0)
    orders = [int(n) for n in draw.integers(4_000_000_000_000_000, 4_999_999_999_999_999, 3000)]
    assert sum(luhn.is_valid(str(n)) for n in orders) > 200, "one in ten has the check digit of a card"
    assert column_of(orders, "integer") == {}
    assert column_of([str(n) for n in orders]) == {}
    for digits in (9, 10, 11, 12, 13, 15):
        ids = [str(n) for n in draw.integers(10 ** (digits - 1), 10**digits, 2000)]
        assert column_of(ids) == {}, digits


def test_a_column_of_cards_is_found_as_text_and_as_numbers() -> None:
    cards = [int(f"4{n:014d}{luhn.calc_check_digit(f'4{n:014d}')}") for n in range(10_000, 10_400)]
    assert len(column_of(cards, "integer")["c"]["card"]) == 400
    assert len(column_of([str(n) for n in cards])["c"]["card"]) == 400


def test_numbers_of_a_country_count_where_the_name_says_so() -> None:
    numbers: list[object] = ["(212) 736-5000", "212 736 5000", "020 7946 0018"]
    assert column_of(numbers) == {}
    assert len(column_of(numbers, name="mobilePhone")["mobilePhone"]["phone"]) == 3
    bsn: list[object] = ["111222333", "123456782"]
    assert column_of(bsn) == {}
    assert len(column_of(bsn, name="bsn")["bsn"]["national_id"]) == 2


def test_plain_digits_count_in_a_column_of_them_only() -> None:
    draw = np.random.default_rng(1)
    born = (f"{n:06d}" for n in draw.integers(100000, 999999, 4000))
    people = [f"44{m:02d}{d:02d}{tail[:4]}" for m in range(1, 13) for d, tail in zip(range(1, 28), born, strict=False)]
    pesel = [n + calc_check_digit(n) for n in people]
    assert len(column_of(list(pesel))["c"]["national_id"]) == len(pesel) > 300
    assert column_of(list(pesel[:5])) == {}


def test_the_sample_holds_nothing_personal() -> None:
    for delivery in list(generate(periods=3, seed=7)):
        for name, content in files(delivery).items():
            path = Path(name)
            frame = pd.read_csv(pd.io.common.BytesIO(content), dtype=str, keep_default_na=False)
            assert {c: personal.find(frame[c], c) for c in frame if personal.find(frame[c], c)} == {}, path.name


@pytest.mark.parametrize("name", ["bike_sharing/hour.csv", "chicago_taxi/data.csv"])
def test_real_tables_without_people_are_left_alone(name: str) -> None:
    frame = real_texts(name)
    assert {c: list(found) for c in frame if (found := personal.find(frame[c], c))} == {}


def test_one_value_is_found_however_long_the_column() -> None:
    draw = np.random.default_rng(2)
    values: list[object] = [f"sub-{n:08x}" for n in draw.integers(0, 2**32, 30_000)]
    values[17_001] = "eve@example.org"
    values[17_003] = "DE89370400440532013000"
    assert column_of(values)["c"] == {"mail": [17_001], "iban": [17_003]}
    mails: list[object] = [f"person{n}@example.org" for n in range(30_000)]
    assert len(column_of(mails)["c"]["mail"]) == 30_000


def _slowly(texts: list[str], name: str) -> dict[str, list[bool]]:
    """Text by text, each of them read by every detector to its end."""
    said, answers = class_of_name(name), {}
    for kind, detect in personal._DETECTORS.items():
        hint = re.compile(r"\d" if said == kind != "mail" else personal._HINTS[kind], re.ASCII)
        alike = {
            text: any(places) for text in texts if hint.search(text) and (places := list(detect(text, said == kind)))
        }
        if any(alike.values()) and sum(alike.values()) >= len(alike) / 2:
            answers[kind] = [alike.get(text, False) for text in texts]
    return answers


@settings(max_examples=60)
@given(
    st.lists(st.sampled_from([*(value for _, value in PERSONAL), *HARMLESS, "red"]), min_size=1, max_size=30),
    st.sampled_from(["c", "phone", "iban", "ssn", "e_mail"]),
)
def test_reading_each_different_text_once_answers_as_reading_them_all(texts: list[str], name: str) -> None:
    found = personal.find(pd.Series([*texts, None], dtype=object), name)
    assert {kind: list(mask) for kind, mask in found.items()} == {
        kind: [*mask, False] for kind, mask in _slowly(texts, name).items()
    }


def test_a_glance_at_many_order_numbers_is_enough_and_many_real_numbers_are_all_found() -> None:
    orders = pd.Series([f"o-{number:012d}" for number in range(9_000)], dtype=object)
    assert personal.find(orders, "c") == {}
    mails = pd.Series([f"user{number}@example.org" for number in range(9_000)], dtype=object)
    assert int(personal.find(mails, "c")["mail"].sum()) == len(mails)
