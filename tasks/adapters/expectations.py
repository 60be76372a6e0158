"""Great Expectations: builds the suite of a pipeline and answers per rule; a rule that crashed is `unknown`.

Results carry row numbers and counts, never cell values. One isolated context per validation.
"""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from tasks.adapters import patterns
from tasks.adapters.engines import Engine, PandasEngine
from tasks.adapters.parts import row_numbers
from tasks.adapters.stored_rows import Stored
from tasks.core.columns import Column
from tasks.core.conditions import fault_of
from tasks.core.emptiness import Emptiness
from tasks.core.results import Check, Verdict

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

OnFail = Literal["quarantine", "refuse", "warn"]


class Expectation(BaseModel):
    """One rule of Great Expectations, by its own name and arguments, and what follows when it fails."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    expect: str = Field(description="The expectation's class name, for example ExpectColumnValuesToBeBetween.")
    arguments: dict[str, Any] = Field(default_factory=dict, description="Its arguments, to the letter.")
    on_fail: OnFail = Field(
        default="quarantine", description="Set the failing rows aside, refuse the whole batch, or only say so."
    )

    @field_validator("expect")
    @classmethod
    def _looks_like_a_class(cls, name: str) -> str:
        if not (name.startswith("Expect") and name.isidentifier()):
            raise ValueError("use the class name of an expectation, for example ExpectColumnValuesToBeBetween")
        return name

    @field_validator("arguments")
    @classmethod
    def _is_no_program(cls, arguments: dict[str, Any]) -> dict[str, Any]:
        if fault := fault_of(arguments):
            raise ValueError(fault)
        return arguments

    @property
    def rule(self) -> str:
        """How the rule is called in reports: the expectation and its column."""
        column = self.arguments.get("column")
        return f"{self.expect}:{column}" if column else self.expect


@dataclass(frozen=True)
class Validation:
    """What the suite said: one check per rule that was asked, and the row numbers that failing row rules name."""

    checks: tuple[Check, ...]
    rows: dict[str, list[int]] = field(default_factory=dict)
    refusals: tuple[str, ...] = ()
    asked: tuple[Expectation, ...] = ()


def always(columns: Sequence[Column]) -> tuple[Expectation, ...]:
    """The rules that stand in every suite: rows are there, features are not all null, ids are unique and present."""
    ids = [column.name for column in columns if column.role == "id"]
    rules = [Expectation(expect="ExpectTableRowCountToBeBetween", arguments={"min_value": 1}, on_fail="refuse")]
    rules += [
        Expectation(
            expect="ExpectColumnProportionOfNonNullValuesToBeBetween",
            arguments={"column": column.name, "min_value": 0.0, "strict_min": True},
            on_fail="refuse",
        )
        for column in columns
        if column.role in {"feature", "time", "id", "target"} and not column.optional
    ]
    if len(ids) == 1:
        rules.append(Expectation(expect="ExpectColumnValuesToBeUnique", arguments={"column": ids[0]}))
    elif ids:
        rules.append(Expectation(expect="ExpectCompoundColumnsToBeUnique", arguments={"column_list": ids}))
    return tuple(rules)


def validate(
    frame: "pd.DataFrame | Stored",
    expectations: Sequence[Expectation],
    may_be_empty: Collection[str] = (),
    engine: Engine | None = None,
    folder: "Path | None" = None,
) -> Validation:
    """Run the suite over typed rows; a frame's index labels are the row numbers that come back, of `Stored` none.

    Unknown expectation names, wrong arguments and crashed rules answer `unknown` and refuse the batch: fail closed. So
    does what passes because there was nothing to look at: no rows, or no value in its column; the columns of
    `may_be_empty` are never refused for that. `engine` evaluates, without one pandas; in `folder` it may keep rows
    meanwhile. Raises what the engine raises.
    """
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig
    from great_expectations.execution_engine import pandas_execution_engine

    # A fingerprint of the rows, which nobody looks at, takes longer than most rules.
    pandas_execution_engine.HASH_THRESHOLD = 0
    # At INFO it announces every temporary folder.
    logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.WARNING)
    engine = engine or PandasEngine()
    built, broken = build(expectations, frame, engine)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    answers: dict[int, Any] = {}
    asking = {position: (expectations[position].expect, expectations[position].arguments) for position in built}
    with engine.evaluating(context, asking, frame, folder) as groups:
        for batch, positions in groups:
            suite = gx.ExpectationSuite(name="suite", expectations=[built[position] for position in positions])
            # Not a validation definition, which stores what it found: what it cannot write it cannot tell either.
            result = batch.validate(suite, result_format=engine.result_format(frame))
            answers |= {one.expectation_config.meta["position"]: one for one in result.results}
    empty = frame.emptiness(may_be_empty) if isinstance(frame, Stored) else Emptiness.of(frame, may_be_empty)
    return _collect(expectations, answers, broken, empty)


def build(
    expectations: Sequence[Expectation], frame: "pd.DataFrame | Stored", engine: Engine
) -> tuple[dict[int, Any], dict[int, str]]:
    """Great Expectations' own objects by position, and of the rules that can never be asked why, in words."""
    import great_expectations as gx

    built, broken = {}, {}
    for position, rule in enumerate(expectations):
        kind = getattr(gx.expectations, rule.expect, None)
        if kind is None:
            broken[position] = f"Great Expectations has no expectation {rule.expect}; check the spelling."
        elif fault := engine.fault(rule.expect, rule.arguments):
            broken[position] = fault
        elif not _answers(rule, frame):
            broken[position] = f"The pattern takes longer than {patterns.SECONDS:g} s on these rows. Simplify it."
        else:
            try:
                built[position] = kind(**rule.arguments, meta={"position": position})
            except Exception as error:  # noqa: BLE001 - pydantic v1 errors and ours alike: the rule cannot be built
                broken[position] = f"{rule.expect} does not take these arguments ({type(error).__name__})."
    return built, broken


def _answers(rule: Expectation, frame: "pd.DataFrame | Stored") -> bool:
    column, given = rule.arguments.get("column"), rule.arguments.get("regex_list", [rule.arguments.get("regex")])
    told = patterns.doubtful([pattern for pattern in given if isinstance(pattern, str)])
    if not told or isinstance(frame, Stored) or column not in frame:
        return True
    return patterns.answers_in_time(told, frame[column].dropna().astype(str).unique())


def _collect(
    expectations: Sequence[Expectation], answers: dict[int, Any], broken: dict[int, str], empty: Emptiness
) -> Validation:
    checks, refusals = [], []
    rows: dict[str, list[int]] = {}
    for position, rule in enumerate(expectations):
        check, failing = _answer(rule, answers.get(position), broken.get(position))
        allowed = empty.allowed(rule.expect, rule.arguments) if check.passed else None
        if allowed is not None:
            check = replace(check, verdict=Verdict.UNKNOWN, reason="There was no value to look at.")
        checks.append(check)
        if allowed:
            continue
        if check.verdict is Verdict.UNKNOWN or (check.verdict is Verdict.FAIL and rule.on_fail == "refuse"):
            refusals.append(rule.rule)
        elif check.verdict is Verdict.FAIL and rule.on_fail == "quarantine":
            if failing:
                rows.setdefault(rule.rule, []).extend(failing)
            else:  # a rule about the whole table names no rows: nothing can be set aside, so the batch is refused
                refusals.append(rule.rule)
    return Validation(tuple(checks), rows, tuple(refusals), tuple(expectations))


def _answer(rule: Expectation, answer: Any, broken: str | None) -> tuple[Check, list[int]]:
    if answer is None:
        return Check(rule.rule, Verdict.UNKNOWN, broken or "The rule gave no answer.", {"on_fail": rule.on_fail}), []
    if not answer.success and (not answer.result or _crashed(answer.exception_info)):
        return Check(rule.rule, Verdict.UNKNOWN, "The rule crashed: it says nothing about the data.", {}), []
    unexpected = answer.result.get("unexpected_count")
    failing = sorted(row_numbers(answer.result.get("unexpected_index_list") or []))
    verdict = Verdict.PASS if answer.success else Verdict.FAIL
    reason = "holds" if answer.success else f"does not hold for {unexpected if unexpected is not None else 'the'} rows"
    return Check(rule.rule, verdict, reason, {"unexpected": unexpected, "on_fail": rule.on_fail}), failing


def _crashed(information: Any) -> bool:
    if not isinstance(information, dict):
        return bool(information)
    # One answer for the rule, or one per metric of the rule: the second form appears only after a crash.
    return bool(information.get("raised_exception", bool(information)))
