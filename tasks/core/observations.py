"""What a monitoring check saw, and the decision that follows: remedy first, then the governor for a retraining.

Measuring belongs to the adapters; the kinds of remedies, triggers and limits stand in triggers.py and governor.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tasks.core.governor import may_be_proposed
from tasks.core.results import Check, Decision, Verdict, Window
from tasks.core.triggers import Remedy, fire_token

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

PREDICTION, PREDICTION_TIME = "prediction", "_prediction_time"
_OUTCOMES = {"none": "quiet", "note": "noted", "wait": "waiting", "alert": "alerted", "quarantine": "broken data"}
TRIGGERED, SUPPRESSED, PROPOSED = "triggered", "suppressed", "proposed"


@dataclass(frozen=True)
class Observation:
    """The verdicts of one check: broken data, drift of data and of predictions, performance; and the columns' own.

    While labels are missing, also what the performance is estimated to be, and how good such estimates have been.
    """

    data: Check
    data_drift: Check
    prediction_drift: Check
    performance: Check
    columns: tuple[Check, ...]
    rows: int
    estimated: Check | None = None
    track_record: Check | None = None
    multivariate_drift: Check | None = None

    def checks(self) -> dict[str, Check]:
        """The verdicts by name, without the columns and without what was not asked for or not estimated."""
        names = ("data", "data_drift", "prediction_drift", "multivariate_drift", "performance", "estimated",
                 "track_record")  # fmt: skip
        return {name: check for name in names if (check := getattr(self, name)) is not None}

    def evidence(self) -> dict[str, Any]:
        """JSON-ready."""
        named = {name: asdict(check) for name, check in self.checks().items()}
        return {**named, "columns": [asdict(check) for check in self.columns], "rows": self.rows}


def with_predictions(
    features: "pd.DataFrame", predictions: "np.ndarray", seed: int, times: "pd.Series | None" = None
) -> "pd.DataFrame":
    """Put a column of predictions beside feature rows for column-wise comparison; the rows need not be the same.

    `times`: when the predicted rows happened, in the predictions' order; they stand beside them.
    """
    import numpy as np

    place = np.arange(len(predictions))
    if len(predictions) > len(features):
        place = np.random.default_rng(seed).choice(len(predictions), len(features), replace=False)
    column = np.full(len(features), np.nan)
    column[: len(place)] = predictions[place]
    beside = {PREDICTION: column}
    if times is not None:
        beside[PREDICTION_TIME] = times.iloc[place].reset_index(drop=True).reindex(range(len(features))).array
    return features.assign(**beside)


def broken_data(signals: Sequence[Check], rows: int) -> Check:
    """Fold the signals of all columns into one: no rows at all is unknown, never pass."""
    if rows == 0:
        return Check("data", Verdict.UNKNOWN, "0 rows arrived in the window: the source is silent", {"rows": 0})
    failing = [check for check in signals if check.verdict is Verdict.FAIL]
    if failing:
        told = "; ".join(f"{check.name}: {check.reason}" for check in failing[:5])
        return Check("data", Verdict.FAIL, told, {"rows": rows, "columns": len(failing)})
    unknown = [check.name for check in signals if check.verdict is Verdict.UNKNOWN]
    if unknown or not signals:
        return Check("data", Verdict.UNKNOWN, f"cannot tell for {', '.join(unknown) or 'any column'}", {"rows": rows})
    return Check("data", Verdict.PASS, "no sign of broken data", {"rows": rows})


@dataclass(frozen=True)
class Context:
    """Where and when a check was made."""

    pipeline: str
    version: int
    window: Window
    as_of: datetime
    run_id: str


def decide(
    context: Context,
    seen: Observation | None,
    remedy: Remedy,
    governed: Check | None,
    facts: Mapping[str, Any] | None = None,
) -> Decision:
    """The one journal row of a check: its outcome; for a breach, is a retraining triggered, proposed or suppressed?

    Args:
        context: where and when.
        seen: what was seen; None when there is no champion that could be looked at.
        remedy: what answers it.
        governed: the governor's answer; None when the remedy is not to retrain.
        facts: what else the triggers were told, JSON-ready (`champion_age_s`, `new_labels`): later checks read it.
    """
    evidence = (
        (seen.evidence() if seen else {})
        | dict(facts or {})
        | {
            "version": context.version,
            "signal": remedy.signal,
            "remedy": remedy.kind,
        }
    )
    outcome, reason = _OUTCOMES.get(remedy.kind, SUPPRESSED), remedy.reason
    if remedy.kind == "retrain":
        outcome, reason = _answer(remedy, governed)
        token = fire_token(context.pipeline, context.version, context.window, remedy.signal or "")
        evidence |= {"token": token, "governor": asdict(governed) if governed else None}
    return Decision(
        key=f"monitoring:{context.version}:{context.window.start.isoformat()}:{context.window.end.isoformat()}",
        pipeline=context.pipeline,
        kind="monitoring",
        verdict=_verdict(remedy),
        outcome=outcome,
        reason=reason,
        as_of=context.as_of,
        window=context.window,
        evidence=evidence,
        run_id=context.run_id,
    )


def _answer(remedy: Remedy, governed: Check | None) -> tuple[str, str]:
    """What becomes of a breach that asks for a retraining, and why."""
    if governed is not None and governed.passed:
        return TRIGGERED, remedy.reason
    if governed is not None and may_be_proposed(governed):
        return PROPOSED, f"{remedy.reason}; proposed: {governed.reason}"
    return SUPPRESSED, f"{remedy.reason}; suppressed by {governed.reason if governed else '?'}"


FIRST = Remedy("retrain", "no champion", "the registry answers that there is no champion yet", ())


def _verdict(remedy: Remedy) -> Verdict:
    if remedy.kind in {"none", "note"}:
        # What is noted without being known is not shown as passed.
        return Verdict.UNKNOWN if any(check.verdict is Verdict.UNKNOWN for check in remedy.checks) else Verdict.PASS
    return Verdict.UNKNOWN if remedy.kind in {"wait", "alert"} else Verdict.FAIL
