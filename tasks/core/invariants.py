"""The design's invariants as pure checks over facts that somebody gathered: each answers with what is broken, by name.

An empty answer means that it holds. What cannot be read is not checked here and must be reported by the caller.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tasks.core.championship import PROMOTED, Reign
from tasks.core.results import Check, JournalEntry, Verdict

if TYPE_CHECKING:
    import pandas as pd

GRACE = timedelta(minutes=2)
LEFTOVER = timedelta(days=1)


def champion_is_the_journals(reign: Reign | None, aliases: Mapping[str, int]) -> list[str]:
    """I1 and I3: the registry's champion is the one that has the journal's newest receipt, and there is no other."""
    found = aliases.get("champion")
    wanted = reign.champion if reign else None
    if found == wanted:
        return []
    return [f"I1 the registry's champion is {found or 'none'}, the journal's is {wanted or 'none'}; run reconciliation"]


def receipt_passes(entries: Sequence[JournalEntry], reign: Reign | None) -> list[str]:
    """I3: the receipt of the champion passed every gate, against the champion that stood before it."""
    if reign is None:
        return []
    receipt = next(entry for entry in entries if entry.sequence == reign.receipt).decision
    if receipt.outcome != PROMOTED:
        return []
    gates = receipt.evidence.get("gates") or []
    failing = [gate["name"] for gate in gates if gate["verdict"] != "pass"]
    before = [e.decision for e in entries if e.sequence < reign.receipt and e.decision.kind in {"promotion", "rollback"}
              and e.decision.outcome in {"promoted", "rolled back"}]  # fmt: skip
    stood = before[-1].evidence.get("version") if before else None
    broken = [f"I3 version {reign.champion} was promoted though {', '.join(failing)} did not pass"] if failing else []
    if not gates:
        broken.append(f"I3 version {reign.champion} was promoted without any gate")
    if receipt.evidence.get("replaces") != stood:
        broken.append(
            f"I3 version {reign.champion} was judged against {receipt.evidence.get('replaces')}, {stood} was champion"
        )
    return broken


def released_once(released: "pd.DataFrame", quarantine: "pd.DataFrame") -> list[str]:
    """I6: every released row stood in quarantine, and was released once (`of_batch`, `_row_number` of both tables)."""
    places = list(zip(released["of_batch"], released["_row_number"].astype(int), strict=True))
    stood = set(zip(quarantine["_batch_id"], quarantine["_row_number"].astype(int), strict=True))
    broken = [f"I6 row {row} of batch {of[:12]} was released and never stood in quarantine"
              for of, row in places if (of, row) not in stood]  # fmt: skip
    twice = [place for place, times in Counter(places).items() if times > 1]
    return broken + [f"I6 row {row} of batch {of[:12]} was released more than once" for of, row in twice]


def batches_once(
    batches: "pd.DataFrame", counts: Mapping[str, "pd.Series"], superseded: Mapping[str, int] | None = None
) -> list[str]:
    """I4 and I6: each content stands once, and what its tables hold adds up to what was delivered.

    Args:
        batches: the batches table.
        counts: rows by `_batch_id` of the tables events, labels and quarantine.
        superseded: how many accepted rows of a batch later deliveries took the place of.
    """
    known = set() if batches.empty else set(batches["_batch_id"])
    orphans = {table: sorted(set(found.index[found > 0]) - known) for table, found in counts.items()}
    broken = [
        f"I6 {table} holds rows of batch {str(batch)[:12]}, which was never published"
        for table, ids in orphans.items()
        for batch in ids
    ]
    if batches.empty:
        return broken
    contents = Counter(zip(batches["kind"], batches["sha256"], strict=True))  # two tables may be made of one file
    twice = [sha for (_, sha), times in contents.items() if times > 1]
    broken += [f"I4 content {sha[:12]} was ingested more than once" for sha in twice]
    for batch in batches.to_dict("records"):
        stand = tuple(int(counts[table].get(batch["_batch_id"], 0)) for table in (batch["kind"], "quarantine"))
        stand = (stand[0] + (superseded or {}).get(batch["_batch_id"], 0), stand[1])
        published = (batch["accepted"], batch["quarantined"])
        if stand != published:
            broken.append(
                f"I6 batch {batch['name']}: {stand[0]} + {stand[1]} rows stand, "
                f"{published[0]} + {published[1]} of {batch['delivered']} were published"
            )
        if sum(published) != batch["delivered"]:
            broken.append(f"I6 batch {batch['name']}: accepted + quarantined is not delivered")
    return broken


def scored_once(accepted: Mapping[str, int], predictions: "pd.DataFrame") -> list[str]:
    """I5: what a version scored of a batch is every accepted row of it, each once.

    Args:
        accepted: accepted rows by batch id.
        predictions: `_batch_id`, `model_version`, `_row_id`.
    """
    broken = []
    for (found, version), rows in predictions.groupby(["_batch_id", "model_version"])["_row_id"]:
        batch = str(found)
        if len(rows) != accepted.get(batch, 0) or rows.nunique() != len(rows):
            broken.append(
                f"I5 version {version} published {len(rows)} predictions ({rows.nunique()} rows) "
                f"of batch {batch[:12]}, which has {accepted.get(batch, 0)} accepted rows"
            )
    return broken


def answered_once(answers: "pd.DataFrame") -> list[str]:
    """I5: what was answered online stands in the predictions once. `answers`: `_answer_id`."""
    again = int(answers["_answer_id"].duplicated().sum())
    return [f"I5 {again} of {len(answers)} online answers stand in the predictions more than once"] if again else []


def runs_are_alive(running: Mapping[str, datetime | None], live: Sequence[str], now: datetime) -> list[str]:
    """I7: nothing is Running without a live lease for over two minutes. `running`: run -> when it started."""
    return [
        f"I7 {name} is called running and no live lease stands behind it"
        for name, started in running.items()
        if name.split()[-1] not in live and started is not None and now - started > GRACE
    ]


def breaches_answered(entries: Sequence[JournalEntry]) -> list[str]:
    """I8: every breach has one outcome, and what was triggered was sent, once."""
    decisions = [entry.decision for entry in entries]
    sent = Counter(d.evidence.get("token") for d in decisions if d.kind == "trigger")
    triggered = Counter(d.evidence.get("token") for d in decisions if d.outcome == "triggered")
    broken = [f"I8 the trigger {str(token)[:12]} was decided and not sent" for token in triggered if not sent[token]]
    broken += [f"I8 the trigger {str(token)[:12]} was sent {n} times" for token, n in sent.items() if n > 1]
    breaches = [d for d in decisions if d.kind == "monitoring" and d.evidence.get("remedy") == "retrain"]
    broken += [f"I8 the breach {d.key} has the outcome {d.outcome}" for d in breaches
               if d.outcome not in {"triggered", "proposed", "suppressed"}]  # fmt: skip
    return broken


def standing(before: Mapping[str, str], checks: Iterable[Check]) -> dict[str, str]:
    """What stands broken, invariant -> why, given what did before: an unknown answer neither breaks nor mends."""
    found = {
        check.name: check.reason if check.verdict is Verdict.FAIL else before.get(check.name)
        for check in checks
        if not check.passed
    }
    return {name: why for name, why in found.items() if why is not None}
