"""The trial of a challenger on live requests: which rows it answers (canary) or scores in silence (shadow), and what
both versions' scores of the same rows say once labels are known. Who is challenger, and who promotes, stands elsewhere.
"""  # noqa: D205

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from hashlib import sha256

import numpy as np

from tasks.core import challenger
from tasks.core.challenger import LOOKS, STOPPED, TRIAL
from tasks.core.championship import REFUSED
from tasks.core.duel import duel
from tasks.core.gates import Gate, duel_of
from tasks.core.ledger import confidence_at
from tasks.core.metrics import MetricName
from tasks.core.results import Check, Decision, JournalEntry, Verdict
from tasks.core.scoring import MOST_SHARE


@dataclass(frozen=True)
class OnTrial:
    """The challenger as the journal knows it: beside whom, which file, since when, and the gates that did not pass.

    `receipt` and `judgement` are number and key of the entry that says so. None of the gates in `lacks` failed.
    `spent`: nothing more can be learnt in the trial, as its looks, or its judgements by the gates, are used up.
    """

    version: int
    replaces: int
    sha256: str
    receipt: int
    judgement: str
    since: datetime
    lacks: tuple[str, ...]
    spent: bool = False

    @property
    def may_answer(self) -> bool:
        """Whether the duel alone keeps it from promotion: who lacks more than that answers nobody."""
        return self.lacks == ("beats_champion",)


def on_trial(entries: Sequence[JournalEntry]) -> OnTrial | None:
    """Who can be tried on live requests; None: nobody waits, or there is no champion beside whom to try it."""
    found = challenger.waiting(entries)
    if found is None or found.replaces is None:
        return None
    judged = [entry for entry in entries if (entry.decision.kind, entry.decision.outcome) == ("promotion", REFUSED)
              and entry.decision.evidence["version"] == found.version]  # fmt: skip
    last = judged[-1].decision.evidence
    lacks = tuple(gate["name"] for gate in last["gates"] if Verdict(gate["verdict"]) is not Verdict.PASS)
    since = next(e.decision.as_of for e in judged if e.decision.evidence.get("replaces") == found.replaces)
    tried = OnTrial(found.version, found.replaces, str(last.get("sha256", "")), judged[-1].sequence,
                    judged[-1].decision.key, since, lacks)  # fmt: skip
    return replace(tried, spent=max(len(found.rows), len(looks_taken(entries, tried))) >= LOOKS)


def place(row_id: str) -> float:
    """Where a row lies in [0, 1), by its id alone: on each machine, for each version and at each share the same.

    A canary that grows from 5 to 10 % keeps the rows that it had.
    """
    return int.from_bytes(sha256(row_id.encode()).digest()[:8], "big") / 2**64


def looks_taken(entries: Sequence[JournalEntry], trial: OnTrial) -> list[int]:
    """How many rows each look at this pair was taken on, in order."""
    told = [entry.decision.evidence for entry in entries if entry.decision.kind == TRIAL]
    mine = [one for one in told if (one.get("version"), one.get("replaces")) == (trial.version, trial.replaces)]
    return [int(one["rows"]) for one in mine]


def is_due(taken: Sequence[int], rows: int, gates: Sequence[Gate]) -> bool:
    """Whether `rows` labelled rows are worth a look after those on `taken` rows.

    Each costs confidence, and there are few: the next one comes at twice the rows.
    """
    return len(taken) < LOOKS and rows >= (2 * taken[-1] if taken else duel_of(gates).min_rows)


def judge_answers(gates: Sequence[Gate], rows: int, without: int, look: int) -> Check | None:
    """Fail where the challenger had no answer for too many of the rows that the champion answered; None where not."""
    if rows < duel_of(gates).min_rows or without <= MOST_SHARE * rows:
        return None
    why = f"it has no answer for {without} of {rows} live rows that the champion answered ({MOST_SHARE:.0%} may be)"
    return Check(TRIAL, Verdict.FAIL, why, {"rows": rows, "without": without, "look": look, "difference": None})


def judge_trial(  # noqa: PLR0913 - the evidence, by name
    *,
    gates: Sequence[Gate],
    metric: MetricName,
    actual: np.ndarray,
    champion: np.ndarray,
    challenger: np.ndarray,
    blocks: np.ndarray,
    look: int,
    seed: int,
) -> Check:
    """Compare what both said of the same live rows, all of shape (rows,), by the rules of the pipeline's duel.

    Fail: the challenger is worse, at the confidence that the `look`-th look leaves (`ledger.confidence_at`). Pass: it
    is better or equivalent. Unknown: not enough evidence.
    """
    rules = duel_of(gates)
    found = duel(
        actual, champion, challenger, blocks, metric=metric, margin=rules.margin, min_rows=rules.min_rows, seed=seed,
        confidence=confidence_at(rules.confidence, look),
    )  # fmt: skip
    numbers = {**asdict(found), "look": look}
    reason = numbers.pop("reason")
    verdict = {"worse": Verdict.FAIL, "not enough evidence": Verdict.UNKNOWN}.get(found.answer, Verdict.PASS)
    return Check(TRIAL, verdict, f"on live rows, against the champion: {reason}", numbers)


def decided(pipeline: str, trial: OnTrial, check: Check, as_of: datetime, run_id: str) -> Decision:
    """The journal's row of one look: a challenger that does worse is on trial no longer, and waits no longer."""
    outcome = {Verdict.FAIL: STOPPED, Verdict.PASS: "trial goes on"}.get(check.verdict, "trial unsure")
    evidence = {
        "version": trial.version, "replaces": trial.replaces, "rows": check.numbers["rows"],
        "rests_on": [trial.judgement], "trial": asdict(check),
    }  # fmt: skip
    return Decision(
        key=f"trial:{trial.version}:{trial.replaces}:{check.numbers['look']}", pipeline=pipeline, kind=TRIAL,
        verdict=check.verdict, outcome=outcome, reason=check.reason, as_of=as_of, evidence=evidence, run_id=run_id,
    )  # fmt: skip
