"""Corrected deliveries and released rows: what a delivery replaces, and which rows of the quarantine are in after all.

Tables come in as arguments and rows of tables go out; nothing is read, written or judged here.
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from tasks.core.batches import WHOLE_BATCH, Delivery, Judged
from tasks.core.errors import NoSuchChoice
from tasks.core.superseding import Corrections

if TYPE_CHECKING:
    import pandas as pd

BATCH, OF_BATCH, ROW_NUMBER = "_batch_id", "of_batch", "_row_number"


@dataclass(frozen=True)
class Release:
    """Rows of one quarantined delivery (`batch`, a row of the batches table) that a person wants judged again.

    `numbers` are their places in the delivery; None stands for all of one that could not be read.
    """

    batch: "pd.Series"
    numbers: tuple[int, ...] | None
    whole: bool


def earlier_of(batches: "pd.DataFrame", delivery: Delivery) -> list[str]:
    """The batches that a delivery corrects by its name: those of the same name and kind with accepted rows.

    Rows of one delivery correct none of it: what was released of it belongs to it.
    """
    if batches.empty:
        return []
    mine = (batches["name"] == delivery.name) & (batches["kind"] == delivery.kind) & (batches["accepted"] > 0)
    own = _origin(batches).eq(delivery.batch_id)
    return [str(one) for one in batches.loc[mine & ~own & (batches["_ingested_at"] <= delivery.ingested_at), BATCH]]


def _origin(batches: "pd.DataFrame") -> "pd.Series":
    """The delivery that a batch is of: itself, or the one that its rows were released from."""
    if "released_of" not in batches:
        return batches[BATCH]
    return batches["released_of"].where(batches["released_of"].notna(), batches[BATCH])


def replaced_by_name(batches: "pd.DataFrame", kind: str) -> list[str]:
    """The batches of a kind that gave way to a later delivery of their name; what was released of one belongs to it."""
    mine = batches.assign(_origin=_origin(batches))
    mine = mine[(mine["kind"] == kind) & (mine["accepted"] > 0)]
    came = mine["_origin"].map(batches.set_index(BATCH)["_ingested_at"])
    last = mine.assign(_came=came).sort_values("_came", kind="stable").groupby("name")["_origin"].last()
    return [str(one) for one in mine.loc[mine["_origin"] != mine["name"].map(last), BATCH]]


def superseded_whole(batches: "pd.DataFrame", superseded: "pd.DataFrame", policy: Corrections) -> set[str]:
    """Deliveries of which nothing counts any more: every accepted row was superseded, or a newer one has their name."""
    if batches.empty:
        return set()
    gone = batches[BATCH].map(superseded[OF_BATCH].value_counts() if len(superseded) else {}).fillna(0)
    found = set(batches.loc[(batches["accepted"] > 0) & (gone >= batches["accepted"]), BATCH])
    if policy == "by_name":
        for _, same in batches.assign(_origin=_origin(batches)).groupby(["name", "kind"]):
            good = same[same["accepted"] > 0]
            last = good.sort_values("_ingested_at").iloc[-1] if len(good) else None
            if last is not None:
                older = same["_ingested_at"] < last["_ingested_at"]
                found |= set(same.loc[older & (same[BATCH] != last["_origin"]), BATCH])
    return found


def releases(
    wanted: str, batches: "pd.DataFrame", quarantine: "pd.DataFrame", released: "pd.DataFrame",
    superseded: Collection[str],
) -> list[Release]:  # fmt: skip
    """What stands in the quarantine under a batch (its id, the beginning of it, or its name) or a rule, and is no more.

    Raises NoSuchChoice where nothing does, saying which there are.
    """
    out = quarantine
    if len(released):
        gone = set(zip(released[OF_BATCH], released[ROW_NUMBER].astype(int), strict=True))
        places = zip(out[BATCH], out[ROW_NUMBER].astype(int), strict=True)
        out = out[[place not in gone for place in places]]
    out = out[~out[BATCH].isin(list(superseded))]
    mine = batches[batches["name"].eq(wanted) | batches[BATCH].str.startswith(wanted)] if wanted else batches.iloc[:0]
    ruled = out["rule"].map(lambda told: wanted in str(told).split("; ")).astype(bool)
    chosen = out[out[BATCH].isin(list(mine[BATCH]))] if len(mine) else out[ruled]
    refused = set(batches.loc[batches["refusal"] != "", BATCH])  # whole, so it comes back whole
    chosen = out[out.index.isin(chosen.index) | out[BATCH].isin(refused & set(chosen[BATCH]))]
    if chosen.empty:
        rules = sorted({rule for told in out["rule"] for rule in str(told).split("; ")})
        held = f"Its rules: {', '.join(rules)}." if rules else "It is empty."
        raise NoSuchChoice(
            f"The quarantine holds no row of a batch or rule {wanted!r} that is not released yet. {held}"
        )
    return [_release(batches.loc[batches[BATCH] == batch].iloc[0], rows) for batch, rows in chosen.groupby(BATCH)]


def _release(batch: "pd.Series", rows: "pd.DataFrame") -> Release:
    numbers = tuple(sorted(map(int, rows[ROW_NUMBER])))
    unread = WHOLE_BATCH in numbers
    return Release(batch, None if unread else numbers, unread or len(numbers) == int(batch["delivered"]))


def delivery_of(release: Release) -> Delivery:
    """The delivery as it came: ids and times of its rows are those that they would have had."""
    batch = release.batch
    return Delivery(str(batch["name"]), str(batch["sha256"]), str(batch["kind"]), batch["_ingested_at"].to_pydatetime())


def admitted(release: Release, judged: Judged) -> Judged:
    """Of rows that were judged again those that are in; the others stay in quarantine as they stand there.

    Of a delivery that could not be read before nothing stands there yet, so all of its rows are carried.
    """
    if release.numbers is None:
        return judged
    return replace(judged, refused={}, delivered=len(judged.accepted))


def release_delivery(release: Release, judged: Judged, moment: datetime) -> Delivery:
    """The batch that released rows make: its identity is theirs, so that the same rows are released once."""
    rows = ",".join(map(str, judged.accepted.index))
    identity = hashlib.sha256(f"release {release.batch[BATCH]} {rows}".encode()).hexdigest()
    return replace(delivery_of(release), sha256=identity, ingested_at=moment)


def release_tables(
    tables: "dict[str, pd.DataFrame]", release: Release, judged: Judged, who: str, why: str
) -> "dict[str, pd.DataFrame]":
    """The tables of a release: those of its rows, and which rows of which delivery they were, by whom and why."""
    import pandas as pd

    batch = tables["batches"].iloc[0]
    numbers = [WHOLE_BATCH] if release.numbers is None else [int(number) for number in judged.accepted.index]
    told = {BATCH: batch[BATCH], OF_BATCH: release.batch[BATCH], ROW_NUMBER: numbers, "who": who, "why": why}
    closing = tables["batches"].assign(released_of=release.batch[BATCH], who=who, why=why)
    return tables | {"released": pd.DataFrame(told), "batches": closing}
