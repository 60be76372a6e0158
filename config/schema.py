"""The pipeline file as a frozen model: it composes the kinds of the other rooms and checks what spans several of them.

Kinds themselves (sources, gates, triggers, ...) live where they act; nothing is read from disk here.
"""

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from config.alerts import Alerts
from config.joins import Join, join_of, refuse_unusable_joins
from config.privacy import Privacy, refuse_unusable_privacy
from config.runners import Runner, Threads
from config.schedules import Schedules
from config.scoring import Scoring
from config.serving import Serving, refuse_unapproved_canary
from config.targets import refuse_unusable_target
from config.validation import Validation, refuse_uncorrectable, refuse_uncounted_repeats
from tasks.adapters.sources import ColumnLabels, Labels, Source
from tasks.core.batches import Suite
from tasks.core.classes import Classes
from tasks.core.columns import Column
from tasks.core.drift import Drift
from tasks.core.durations import Duration
from tasks.core.estimation import UNSUPPORTED, Estimation
from tasks.core.estimators import Candidate, HistGradientBoosting, Linear, RandomForest
from tasks.core.features import CalendarPart, Features, features_of
from tasks.core.gates import BeatsChampion, BeatsDummy, CleanProcess, Gate, Sanity, misfit
from tasks.core.governor import Governor
from tasks.core.joins import Join as Joining
from tasks.core.metrics import MetricName, Problem, greater_is_better, problem_of
from tasks.core.performance import Performance
from tasks.core.probation import Probation
from tasks.core.probe import ProbeMode
from tasks.core.splits import Split
from tasks.core.strategies import NewSearch, Strategy
from tasks.core.triggers import PerformanceDecay, Trigger

NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Search(_Section):
    """The budget of the hyper-parameter search."""

    trials: int = Field(default=6, ge=1, le=500, description="Trials for each candidate family.")
    budget: Duration = Field(default="5m", validate_default=True, description="No new trial starts after this long.")
    seed: int = 0
    probe: ProbeMode = Field(
        default="auto",
        description="auto: before the search of a retraining that a breach started, a few cheap refits of the champion "
        "on rows before the evaluation part have to leave open that it helps. never: search at once.",
    )


class PipelineConfig(_Section):
    """One model and its loop: everything that a person decides about it, in one reviewed file."""

    pipeline: str = Field(description="Name of the pipeline, its model and its tables; the same as the file's name.")
    description: str = Field(default="", description="What is predicted, for whom, and who answers for it.")
    problem: Problem = Field(description="binary (two classes) or regression (a number).")
    source: Source
    labels: Labels = Field(default=ColumnLabels(), description="Where the target comes from and when it is known.")
    columns: tuple[Column, ...] = Field(min_length=1)
    joins: tuple[Join, ...] = Field(default=(), description="Further sources, joined to the events by key and time.")
    calendar: tuple[CalendarPart, ...] = Field(default=(), description="Parts of the event's local time as features.")
    positive: str | None = Field(default=None, description="The target's text that counts as 1; binary only.")
    negatives: tuple[str, ...] = Field(
        default=(),
        description="The target's texts that count as 0; any other is quarantined. Where none is declared, a delivery "
        "with two different ones beside `positive` is refused.",
    )
    privacy: Privacy = Privacy()
    validation: Validation = Validation()
    split: Split
    candidates: tuple[Candidate, ...] = Field(default=(Linear(), HistGradientBoosting(), RandomForest()), min_length=1)
    strategy: Strategy = Field(
        default=NewSearch(),
        description="new_search: every training searches. same_recipe: a retraining refits the champion's recipe.",
    )
    search: Search = Search()
    runner: Runner = Threads()
    metric: MetricName
    gates: tuple[Gate, ...] = Field(
        default=(Sanity(), BeatsDummy(), BeatsChampion(margin=0.0), CleanProcess()), min_length=1, validate_default=True
    )
    first_champion: Literal["when_gates_pass", "refuse"] = Field(
        default="when_gates_pass", description="Whether a pipeline without a champion may promote its first one."
    )
    scoring: Scoring = Scoring()
    serving: Serving = Serving()
    drift: Drift = Drift()
    performance: Performance = Performance()
    estimation: Estimation = Estimation()
    triggers: tuple[Trigger, ...] = (PerformanceDecay(),)
    governor: Governor = Governor()
    probation: Probation = Probation()
    alerts: Alerts = Alerts()
    schedules: Schedules = Schedules()

    @field_validator("pipeline")
    @classmethod
    def _a_plain_name(cls, name: str) -> str:
        if not NAME.fullmatch(name):
            raise ValueError("use a-z, 0-9, - and _, beginning with a letter, at most 63 characters")
        return name

    @field_validator("columns")
    @classmethod
    def _columns_fit_together(cls, columns: tuple[Column, ...]) -> tuple[Column, ...]:
        names = [column.name for column in columns]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} is named more than once")
        if sum(column.role == "time" for column in columns) > 1:
            raise ValueError("only one column can have the role time")
        if not any(column.role == "feature" for column in columns):
            raise ValueError("at least one column needs the role feature")
        hours = {c.name for c in columns if c.type in {"integer", "number"} and c.role != "ignore" and not c.join}
        missing = [c.hours_from for c in columns if c.hours_from and c.hours_from not in hours]
        if missing:
            raise ValueError(
                f"hours_from names {missing[0]}, which is no column of type integer or number that is read"
            )
        return columns

    @model_validator(mode="after")
    def _sections_fit_together(self) -> "PipelineConfig":
        targets = [column for column in self.columns if column.role == "target"]
        if isinstance(self.labels, ColumnLabels) and len(targets) != 1:
            raise ValueError(
                f"labels.kind is column, so exactly one column needs the role target (found {len(targets)})"
            )
        if not isinstance(self.labels, ColumnLabels) and targets:
            raise ValueError(f"labels come from files, so no column can have the role target ({targets[0].name} has)")
        if problem_of(self.metric) != self.problem:
            raise ValueError(f"metric {self.metric} does not fit a {self.problem} problem")
        if not isinstance(self.labels, ColumnLabels) and not any(c.role == "id" for c in self.columns):
            raise ValueError("labels in files of their own join by id, so a column with the role id is needed")
        if self.positive is not None and self.problem != "binary":
            raise ValueError("positive belongs to a binary problem only")
        if targets:
            refuse_unusable_target(targets[0], self.problem, self.positive, self.negatives)
        refuse_unusable_privacy(self.columns, self.gates, self.privacy)
        refuse_unapproved_canary(self.serving, self.governor)
        refuse_unusable_joins(self.joins, self.columns, self.privacy.protection)
        refuse_uncorrectable(self.columns, self.validation)
        if self.source.repeats:
            refuse_uncounted_repeats(self.columns, self.validation)
        return self

    @model_validator(mode="after")
    def _classes_differ(self) -> "PipelineConfig":
        if self.negatives and self.positive in {None, *self.negatives}:
            raise ValueError("negatives need a positive that is not one of them")
        return self

    @model_validator(mode="after")
    def _kinds_fit_the_problem(self) -> "PipelineConfig":
        asked = self.probation.estimated or any("estimated_performance" in one.watches for one in self.triggers)
        if self.metric in UNSUPPORTED and asked:
            told = "choose another metric or trigger, and no probation.estimated"
            raise ValueError(f"{self.metric} cannot be estimated without labels; {told}")
        roles = {column.name: column.role for column in self.columns}
        if why := misfit(self.gates, roles, self.features.names, self.problem):
            raise ValueError(why)
        return self

    @property
    def features(self) -> Features:
        """The model's inputs by kind."""
        return features_of(self.columns, self.calendar, self.privacy.told_from)

    @property
    def suite(self) -> Suite:
        """What deliveries are held against beyond their columns."""
        classes = Classes(self.positive, self.negatives, self.problem == "binary")
        rules = self.validation
        return Suite(
            rules.expectations, rules.max_quarantined_share, classes, rules.repeats, self.privacy.protection,
            rules.corrections, rules.refuse_changes, [join.joining(self.columns) for join in self.joins], rules.engine,
        )  # fmt: skip

    def join_of(self, table: str) -> tuple[Join, Joining]:
        """The join whose rows stand in a table; raises NotFound."""
        return join_of(self.joins, self.columns, table)

    @property
    def target(self) -> Column | None:
        """The target column, where it stands in the events themselves."""
        return next((column for column in self.columns if column.role == "target"), None)

    @property
    def upward(self) -> bool:
        """Whether more of the metric is better."""
        return greater_is_better(self.metric)
