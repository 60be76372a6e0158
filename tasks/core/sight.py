"""What one moment of a simulation shows about its champion: performance, drift, signs of broken data; all of it lazy.

The judgements are those of the loop. Distances come from `distances` instead of Evidently: the formulas are equal.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from tasks.core import fitting, metrics, observations, season
from tasks.core.data_signals import data_signals
from tasks.core.distances import distance
from tasks.core.drift import judge_drift
from tasks.core.errors import DataRejected
from tasks.core.features import EVENT_TIME, ROW_ID
from tasks.core.fitting import LABEL
from tasks.core.history import Past
from tasks.core.importance import column_weights
from tasks.core.multivariate import judge_multivariate
from tasks.core.noise import noise_thresholds
from tasks.core.observations import PREDICTION, Observation
from tasks.core.pairs import Pair, prepare
from tasks.core.performance import judge_performance
from tasks.core.rehearsal import Contestant, Setting, predictions
from tasks.core.results import Check, Window
from tasks.core.sampling import bounded_sample
from tasks.core.triggers import TriggerEvidence

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Sight:
    """A champion as of one moment, `period` after the last one; each question is computed once, when a policy asks."""

    past: Past
    champion: Contestant
    setting: Setting
    period: timedelta

    @cached_property
    def performance(self) -> Check:
        """The champion's score on the rows whose labels are due, held against its promise, as the loop judges it."""
        setting = self.setting
        rows = self._scored(setting.performance.window)
        known = rows[rows[LABEL].notna()]
        return judge_performance(
            setting.performance, metric=setting.metric, actual=known[LABEL].to_numpy("float64"),
            predicted=predictions(self.champion, known),
            blocks=fitting.days_of(known) if len(known) else np.empty(0, "int64"), promised=self.champion.promised,
            label_share=len(known) / len(rows) if len(rows) else None, seed=setting.seed,
        )  # fmt: skip

    @property
    def limit(self) -> float | None:
        """The limit of performance where it is in question (`probe`); None where the champion keeps within it."""
        return None if self.performance.passed else self.performance.numbers.get("limit")  # type: ignore[return-value]

    @cached_property
    def period_score(self) -> float | None:
        """The champion's bare score on the last period's labelled rows; None where there is none."""
        rows = self._scored(self.period)
        known = rows[rows[LABEL].notna()]
        try:
            actual = known[LABEL].to_numpy("float64")
            return metrics.score(self.setting.metric, actual, predictions(self.champion, known))
        except DataRejected:
            return None

    @cached_property
    def observation(self) -> Observation:
        """All verdicts of the window, as the monitoring of the loop gives them."""
        setting, features = self.setting, self.setting.features
        kinds = {"numerical": features.numerical, "categorical": features.categorical}
        reference, current = self._sides(setting.drift.window)
        least = features.smallest_group
        signals = data_signals(reference, current, **kinds, config=setting.drift, least=least) if len(current) else ()
        every = self._pairs(self._in_season(reference), current, setting.drift.cycle)
        known = self.champion.importance if setting.drift.weights == "importance" else {}
        answers = []
        for name, chosen in (("data drift", every.keys() - {PREDICTION}), ("prediction drift", {PREDICTION})):
            pairs = {column: every[column] for column in sorted(chosen)}
            noise = noise_thresholds(pairs, setting.drift, setting.seed)
            weights = column_weights(pairs, known)
            answers.append(judge_drift(pairs, self._measure(pairs), noise, setting.drift, name=name, weights=weights))
        (data_drift, columns), (prediction_drift, _) = answers
        data = observations.broken_data(signals, len(current))
        seen = Observation(data, data_drift, prediction_drift, self.performance, columns, len(current))
        if not setting.drift.together:
            return seen
        together = judge_multivariate(reference, current, **kinds, config=setting.drift, seed=setting.seed)
        return replace(seen, multivariate_drift=together)

    @cached_property
    def period_distances(self) -> dict[str, float | None]:
        """The distance of every feature in the last period's rows; None where a side holds no value."""
        pairs = self._pairs(*self._sides(self.period))
        return self._measure({name: pair for name, pair in pairs.items() if name != PREDICTION})

    @property
    def evidence(self) -> TriggerEvidence:
        """What the triggers of the pipeline judge."""
        seen = self.observation
        return TriggerEvidence(
            data=seen.data, data_drift=seen.data_drift, prediction_drift=seen.prediction_drift,
            performance=seen.performance, champion_age=self.past.as_of - self.champion.evaluated_until,
            new_labels=self.new_labels, multivariate_drift=seen.multivariate_drift,
        )  # fmt: skip

    @cached_property
    def new_labels(self) -> int:
        """Labelled rows that are newer than anything the champion was trained or judged on."""
        return self.past.labelled_after(self.champion.evaluated_until)

    def _scored(self, length: timedelta) -> "pd.DataFrame":
        """The rows of the newest stretch whose labels are due, as far as the champion has not seen them."""
        end = self.past.as_of - self.setting.label_delay
        start = max(end - length, self.champion.trained_until + timedelta(microseconds=1))
        return self.past.rows(Window(start, max(start, end)))

    def _measure(self, pairs: Mapping[str, Pair]) -> dict[str, float | None]:
        drift = self.setting.drift
        return {
            name: distance(pair, drift.method(pair)) if len(pair.reference) and len(pair.current) else None
            for name, pair in pairs.items()
        }

    def _pairs(self, reference: "pd.DataFrame", current: "pd.DataFrame", cycle: int | None = None) -> dict[str, Pair]:
        features = self.setting.features
        return prepare(reference, current, [*features.numerical, PREDICTION], features.categorical, cycle)

    def _in_season(self, reference: "pd.DataFrame") -> "pd.DataFrame":
        """The reference, or where the pipeline asks for a season what the champion saw in it."""
        drift, features, seed = self.setting.drift, self.setting.features, self.setting.seed
        if drift.season == "none":
            return reference
        end, zone, judged_on = self.past.as_of, features.timezone, self.champion.judged_on
        columns = [ROW_ID, EVENT_TIME, *features.numerical, *features.categorical]
        rows = bounded_sample(season.in_season(self.champion.seen[columns], end, drift, zone), drift.max_rows, seed)
        predicted = judged_on[[EVENT_TIME]].assign(prediction=self.champion.predicted)
        return season.predictions_in_season(rows, predicted, end, drift, zone, seed)

    def _sides(self, length: timedelta) -> tuple["pd.DataFrame", "pd.DataFrame"]:
        """Reference (what the champion saw, its predictions where it was judged) and the window with its predictions.

        Only rows that the champion has not seen have a prediction, as only those are scored.
        """
        rows = self.past.rows(Window(self.past.as_of - length, self.past.as_of))
        fresh = rows[rows[EVENT_TIME] > self.champion.trained_until]
        return (
            self._sample(self.champion.seen, self.champion.predicted, self.champion.judged_on[EVENT_TIME]),
            self._sample(rows, predictions(self.champion, fresh), fresh[EVENT_TIME]),
        )

    def _sample(self, rows: "pd.DataFrame", predicted: np.ndarray, times: "pd.Series") -> "pd.DataFrame":
        features = self.setting.features
        columns = [ROW_ID, EVENT_TIME, *features.numerical, *features.categorical]
        sample = bounded_sample(rows[columns], self.setting.drift.max_rows, self.setting.seed)
        return observations.with_predictions(sample, predicted, self.setting.seed, times)
