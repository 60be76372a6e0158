"""The remedy: what answers what was seen. One table, its first row that holds decides.

What a trigger asks stands with its kind; whether a retraining may start now: `governor`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from tasks.core.results import Check, Verdict
from tasks.core.triggers.evidence import TriggerEvidence

if TYPE_CHECKING:
    from tasks.core.triggers import Trigger

RemedyKind = Literal["none", "note", "wait", "quarantine", "retrain", "alert"]


@dataclass(frozen=True)
class Remedy:
    """What answers what was seen; `signal` names it ("age+performance"), `checks` are all answers that led here."""

    kind: RemedyKind
    signal: str | None
    reason: str
    checks: tuple[Check, ...]


def choose_remedy(triggers: Sequence["Trigger"], evidence: TriggerEvidence) -> Remedy:
    """Choose the one remedy: the first row that holds.

    1. data fail                                         -> quarantine: broken data teach a model nothing, never retrain
    2. data unknown                                      -> alert: nobody trains on data that may be broken
    3. a trigger fires                                   -> retrain, `signal` names all that fire, sorted, with "+"
    4. performance fail, and no trigger answers it       -> alert; not while one counts further checks (then 6)
    5. anything unknown that neither waits nor is noted  -> alert
    6. unknown, `numbers["waiting"]` is True for all     -> wait: time alone will tell (labels, rows, noise, checks)
    7. a drift fail (performance pass)                   -> note: drift that harms nothing; so is a trigger's unknown
                                                            with `numbers["noted"]`: an estimate without a record
    8. everything pass                                   -> none
    """
    fired = tuple(trigger.fires(evidence) for trigger in triggers)
    signals = {
        "data": evidence.data,
        "data_drift": evidence.data_drift,
        "prediction_drift": evidence.prediction_drift,
        "performance": evidence.performance,
    }
    if evidence.multivariate_drift is not None:
        signals["multivariate_drift"] = evidence.multivariate_drift
    counts = any(_waits(check) and "performance" in trigger.watches
                 for trigger, check in zip(triggers, fired, strict=True))  # fmt: skip
    kind, names = _choose(signals, fired, counts)
    # The spoken reason is that of the worst answer of a name; two triggers may be of one kind.
    answers = sorted([*fired, *(replace(check, name=name) for name, check in signals.items())], key=_severity)
    spoken = {check.name: check.reason for check in answers}
    reason = "; ".join(f"{name}: {spoken[name]}" for name in names) or "every check passed and no trigger fires"
    asked = (replace(check, name=f"trigger {check.name}") for check in fired)
    return Remedy(kind, "+".join(names) or None, reason, (*signals.values(), *asked))


def _waits(check: Check) -> bool:
    return check.verdict is Verdict.UNKNOWN and check.numbers.get("waiting") is True


def _is_noted(check: Check) -> bool:
    return check.numbers.get("noted") is True


def _severity(check: Check) -> int:
    return [Verdict.PASS, Verdict.UNKNOWN, Verdict.FAIL].index(check.verdict)


def _choose(signals: Mapping[str, Check], fired: Sequence[Check], counts: bool) -> tuple[RemedyKind, list[str]]:
    """The rows of the table, in order; returns the remedy and the names that it answers, sorted.

    `counts`: a trigger that looks at performance waits for further checks before it asks.
    """
    data, performance = signals["data"], signals["performance"]
    if not data.passed:
        return ("quarantine" if data.verdict is Verdict.FAIL else "alert"), ["data"]
    if asking := {check.name for check in fired if check.verdict is Verdict.FAIL}:
        return "retrain", sorted(asking)
    if performance.verdict is Verdict.FAIL and not counts:
        return "alert", ["performance"]
    named = [*signals.items(), *((check.name, check) for check in fired)]
    unknown = [(name, check) for name, check in named if check.verdict is Verdict.UNKNOWN and not _is_noted(check)]
    if unknown:
        names = sorted({name for name, _ in unknown})
        return ("wait" if all(_waits(check) for _, check in unknown) else "alert"), names
    noted = sorted({name for name, check in named if check.verdict is Verdict.FAIL or _is_noted(check)})
    return ("note" if noted else "none"), noted
