"""When a window has drifted: what a pipeline calls drift, and the verdicts per column and dataset.

Pure judgement over distances that somebody measured (adapters.drift_metrics, or distances), held against what chance
alone gives (noise). How columns add up: drifted_share. Broken data: data_signals. All columns together: multivariate.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from math import ceil
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from tasks.core.blocks import MIN_BLOCKS
from tasks.core.distances import Method
from tasks.core.drifted_share import judge_dataset, judge_weighted
from tasks.core.durations import Duration, format_duration
from tasks.core.pairs import OTHER, Pair
from tasks.core.ranks import rank_p_value
from tasks.core.results import Check, Verdict

# One check may alarm in four ways (data, prediction and multivariate drift, broken data) that share its error rate.
PARTS = 4
_SEASONS = {"week": timedelta(days=7), "year": timedelta(days=365)}


class Drift(BaseModel):
    """How a pipeline watches its data: which rows, which distances, and how rarely it may alarm for nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    window: Duration = Field(default=timedelta(days=30), description="The event time that one check looks back on.")
    season: Literal["none", "week", "year"] = Field(
        default="none",
        description="week, year: compare only with the same hours of earlier weeks, or the same days of earlier years.",
    )
    max_rows: int = Field(default=50_000, ge=100, description="Rows sampled from each side.")
    min_rows: int = Field(default=30, ge=10, description="With fewer values on a side the answer is unknown.")
    numerical: Method = Field(default="wasserstein", description="Distance of numerical columns.")
    numerical_threshold: float = Field(default=0.1, gt=0, description="Smaller distances are never drift.")
    categorical: Literal["jensenshannon", "psi"] = Field(
        default="jensenshannon", description="Distance of categorical columns."
    )
    categorical_threshold: float = Field(default=0.1, gt=0, description="Smaller distances are never drift.")
    share: float = Field(
        default=0.3, ge=0, le=1, description="Share of drifted columns that makes the data drift; one at least."
    )
    weights: Literal["equal", "importance"] = Field(
        default="equal", description="What a column counts in that share: all the same, or its importance to the model."
    )
    one_false_alarm_in: int = Field(
        default=100, ge=10, le=10_000, description="On unchanged data at most one check in this many alarms."
    )
    resamples: int = Field(default=200, ge=100, le=5_000, description="Least simulated samples per column.")
    multivariate: bool = Field(default=True, description="Also let a classifier tell the window from the reference.")
    multivariate_threshold: float = Field(
        default=0.55, ge=0.5, lt=1, description="A classifier's ROC AUC below this is never drift; 0.5 is chance."
    )
    multivariate_rows: int = Field(
        default=5_000, ge=200, le=50_000, description="Rows of each side that the classifier learns from and judges."
    )

    @model_validator(mode="after")
    def _a_window_within_its_season(self) -> "Drift":
        longest = _SEASONS.get(self.season)
        if longest is not None and self.window > longest:
            told = format_duration(self.window)
            raise ValueError(
                f"season: {self.season} compares a window with the same stretch of every earlier {self.season}, and a "
                f"window of {told} is longer than one; shorten drift.window to {format_duration(longest)} or less"
            )
        return self

    @property
    def cycle(self) -> int | None:
        """How long one stretch of a season is, in microseconds; None without a season."""
        return None if self.season == "none" else self.window // timedelta(microseconds=1)

    @property
    def together(self) -> bool:
        """Whether a classifier is asked. Of so few stretches as a season has it could tell nothing from chance."""
        return self.multivariate and self.season == "none"

    def method(self, pair: Pair) -> Method:
        """The distance for this column."""
        return self.numerical if pair.numerical else self.categorical

    def configured(self, pair: Pair) -> float:
        """The threshold that was configured for this column."""
        return self.numerical_threshold if pair.numerical else self.categorical_threshold

    def needed(self, columns: int) -> int:
        """How many of so many columns have to drift before the data is said to drift."""
        return max(1, ceil(self.share * columns - 1e-9))

    def level(self, columns: int) -> float:
        """The false alarm rate that one column of so many may have.

        At least k of s columns alarm with probability s * level / k at most, whatever the dependence between them
        (Markov's inequality on their number; Lehmann and Romano, Generalizations of the familywise error rate, 2005).
        Weights that sum to 1 reach a share with probability level / share at most, by the same inequality on their
        sum; and, because one column at least has to alarm, s * level (Bonferroni). The better of both holds.
        """
        stated = 1 / self.one_false_alarm_in / PARTS
        if self.weights == "importance":
            return max(self.share, 1 / max(1, columns)) * stated
        return self.needed(columns) / max(1, columns) * stated


def judge_column(
    name: str, pair: Pair, measured: float | None, noise: float | None, config: Drift, level: float
) -> Check:
    """Judge one column: fail when the distance reaches both its configured threshold and the noise at this size.

    Numbers have to differ in their ranks too, at the false alarm rate `level`: no simulation from a reference knows the
    rare extremes that it happens to lack, and ranks do not need them.

    Unknown when a side has fewer than `min_rows` values or a season too few earlier weeks or years, when the reference
    is one constant (a distance has no scale then; whether the values are new is asked by data_signals), or when nothing
    could be measured.
    """
    rows = {"rows_reference": len(pair.reference), "rows_current": len(pair.current)}
    if pair.stretches is not None and pair.stretches < MIN_BLOCKS:
        reason = f"the reference holds this stretch of {pair.stretches} earlier {config.season}s; {MIN_BLOCKS} are "
        return Check(name, Verdict.UNKNOWN, f"{reason}needed to know how much they differ", rows)
    if min(rows.values()) < config.min_rows:
        reason = f"too few values: {rows['rows_reference']} in the reference and {rows['rows_current']} in the window"
        seen = f"; only a distance beyond {noise:.2g} could have been told from chance" if noise else ""
        return Check(name, Verdict.UNKNOWN, f"{reason}, {config.min_rows} are needed on each side{seen}", rows)
    if pair.constant_reference:
        if not pair.numerical and pair.reference[0] == OTHER:
            reason = "no category occurs often enough to compare; free text and ids are better ignored"
            return Check(name, Verdict.UNKNOWN, reason, rows)
        same = bool((pair.current == pair.reference[0]).all())
        verdict, reason = (Verdict.PASS, "so does the window") if same else (Verdict.UNKNOWN, "no scale to compare on")
        return Check(name, verdict, f"the reference holds a single value: {reason}", rows)
    if measured is None or noise is None or not np.isfinite(measured):
        return Check(name, Verdict.UNKNOWN, "the distance could not be measured", rows)
    return _judge_measured(name, pair, measured, noise, config, level)


def _judge_measured(name: str, pair: Pair, measured: float, noise: float, config: Drift, level: float) -> Check:
    configured, rows = config.configured(pair), len(pair.current)
    threshold = max(configured, noise)
    far = measured >= threshold
    source = "configured" if noise <= configured else f"noise of {rows} rows"
    compared = "reaches" if far else "is below"
    reason = f"{config.method(pair)} distance {measured:.3g} {compared} {threshold:.3g} ({source})"
    numbers = {
        "distance": measured, "threshold": threshold, "configured": configured, "noise": noise,
        "rows_reference": len(pair.reference), "rows_current": rows,
    }  # fmt: skip
    if not far or not pair.numerical:
        return Check(name, Verdict.FAIL if far else Verdict.PASS, reason, numbers)
    p_value = rank_p_value(pair)
    numbers |= {"p_value": p_value, "level": level}
    if p_value <= level:
        return Check(name, Verdict.FAIL, reason, numbers)
    return Check(name, Verdict.PASS, f"{reason}, but ranks differ no more than by chance (p = {p_value:.2g})", numbers)


def judge_drift(
    pairs: Mapping[str, Pair],
    distances: Mapping[str, float | None],
    noise: Mapping[str, float | None],
    config: Drift,
    *,
    name: str = "data drift",
    weights: Mapping[str, float] | None = None,
) -> tuple[Check, tuple[Check, ...]]:
    """Judge columns and the dataset they form; returns the dataset's check and the columns' checks.

    `noise` comes from `noise.noise_thresholds` on the same columns. On an unchanged source the dataset fails in at most
    one of `PARTS * one_false_alarm_in` calls, at any number of rows and columns; where times are known, also when rows
    near in time are alike. Call it once for the features and once for the prediction ("prediction drift").
    `weights`: what each column counts, summing to 1 (see importance); None: all the same.
    """
    checks = tuple(
        judge_column(column, pair, distances.get(column), noise.get(column), config, config.level(len(pairs)))
        for column, pair in sorted(pairs.items())
    )
    if weights is not None:
        return judge_weighted(checks, weights, config.share, name), checks
    judged = judge_dataset(checks, config.needed(len(checks)), name)
    if config.weights == "importance" and len(checks) > 1:
        told = f"{judged.reason}; columns count the same, because the version does not tell what they are worth to it"
        judged = replace(judged, reason=told)
    return judged, checks
