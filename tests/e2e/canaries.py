"""Sixty values that no table, model, log or page may hold, planted into a delivery of the sample before it is played.

Some stand where nothing personal is declared, some in columns that are not stored, some in values that no rule takes.
"""

import io
import re
from pathlib import Path

import pandas as pd
import yaml
from stdnum import iban, luhn

from config.settings import PROJECT
from tasks.core.batches import row_id_of
from tasks.core.sample import files, generate

MONTH = 8
"""Near enough to the end of the sample that more than one model learns from it."""


def _mails() -> list[str]:
    return [f"canary.{n}@wren{n}.example.org" for n in range(8)]


def _ibans() -> list[str]:
    plain = [f"DE00370400440532{n:06d}" for n in range(771_001, 771_007)]
    return [text[:2] + iban.calc_check_digits(text) + text[4:] for text in plain]


def _cards() -> list[str]:
    plain = [f"45320151128{n:04d}" for n in range(3360, 3366)]
    return [text + luhn.calc_check_digit(text) for text in plain]


PHONES = [f"+49 30 90182{n}" for n in range(741, 747)]
NATIONAL_IDS = ["RCCMNL83S18D969H", "131052-308T", "54362315-K", "536-90-4399", "390.533.447-05", "756.9217.0769.85"]
NAMES = [f"Wilhelmina Zaunkoenig-{n}" for n in "abcdef"]
BIRTHS = ["1931-02-17", "1929-12-03", "1934-07-29", "1927-04-11"]
NOTES = [f"confided that kestrel-{n} is ill" for n in range(6)]
RARE = [f"Hallig Suedfall {n}" for n in range(3)]
BROKEN_AGES = ["forty-one-and-wren", "ninety-siskin", "unknown-dunnock"]
LARGEST = ["918273.55", "918274.66", "918275.77"]
BROKEN_TIMES = ["Michaelmas 1811", "St Swithin 1822", "Candlemas 1833"]
CANARIES = [
    *_mails(), *_ibans(), *PHONES, *_cards(), *NATIONAL_IDS, *NAMES, *BIRTHS, *NOTES, *RARE, *BROKEN_AGES, *LARGEST,
    *BROKEN_TIMES,
]  # fmt: skip
_UNDECLARED = [("plan", _mails()[:4]), ("channel", _mails()[4:]), ("device", _ibans()), ("plan", PHONES),
               ("channel", _cards()), ("device", NATIONAL_IDS)]  # fmt: skip
_ELSEWHERE = [("full_name", NAMES), ("born", BIRTHS), ("note", NOTES), ("region", RARE), ("age", BROKEN_AGES),
              ("spend_30d", LARGEST), ("event_time", BROKEN_TIMES)]  # fmt: skip


def plant(home: Path, pipelines: Path) -> None:
    """Write a delivery of the sample with a row for each canary, and a pipeline file that knows of its columns.

    One subscriber of the month before is told again in it, so that three deliveries speak of that one.
    """
    *_, before, month = generate(periods=MONTH, seed=7)
    (name, content), (labels, told) = files(month).items()
    rows = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False)
    rows = rows.assign(full_name="", born="", note="")
    planted = [(column, value) for column, values in (*_UNDECLARED, *_ELSEWHERE) for value in values]
    more = rows.iloc[: len(planted)].copy()
    more["subscription_id"] = [f"planted-{number:04d}" for number in range(len(planted))]
    for place, (column, value) in enumerate(planted):
        more.iloc[place, more.columns.get_loc(column)] = value  # type: ignore[index]
    again = before.events.astype(str).iloc[[-1]].reindex(columns=rows.columns, fill_value="")
    target = home / "sample" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    pd.concat([rows, more, again]).to_csv(target, index=False)
    (home / "sample" / labels).parent.mkdir(parents=True, exist_ok=True)
    (home / "sample" / labels).write_bytes(told)
    pipelines.mkdir(parents=True)
    config = yaml.safe_load((PROJECT / "config" / "pipelines" / "subscriptions.yaml").read_text("utf-8"))
    next(column for column in config["columns"] if column["name"] == "region")["privacy"] = "category"
    (pipelines / "subscriptions.yaml").write_text(yaml.safe_dump(config, sort_keys=False), "utf-8")


def erasable() -> str:
    """The subscriber of whom three deliveries speak: one of events, the labels of it, and the planted one."""
    *_, before, _ = generate(periods=MONTH, seed=7)
    return str(before.events["subscription_id"].iloc[-1])


def pattern() -> re.Pattern[bytes]:
    """Finds any canary in bytes."""
    return re.compile(b"|".join(re.escape(value.encode()) for value in CANARIES), re.IGNORECASE)


def pattern_of(who: str) -> re.Pattern[bytes]:
    """Finds a subscriber's id and row id in bytes."""
    return re.compile(f"{who}|{row_id_of(who)}".encode())
