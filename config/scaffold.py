"""The commented first version of a pipeline's file, written from a profile: each choice stands beside its evidence.

Only text is made here. Looking at data is `tasks.core.profile`'s, writing the file is the command's.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from config.flow_yaml import comment, flow, outward
from config.privacy import private_section
from config.scaffold_columns import columns_part, validation_part
from tasks.core.durations import format_duration
from tasks.core.profile import Profile

_DAY = timedelta(days=1)
_STRETCHES = (7 * _DAY, 14 * _DAY, 30 * _DAY)
_WHOLE, _QUARTER, _EVALUATED_ROWS = 14 * _DAY, 4, 250
_HISTORIES = (90 * _DAY, 180 * _DAY, 270 * _DAY)
_FEWEST_NEW_LABELS, _MARGIN = 100, 0.01


@dataclass(frozen=True)
class Files:
    """What is not usual about the files; `optional` are columns that some of them lack or leave empty."""

    encoding: str = ""
    optional: Collection[str] = ()
    labels: Mapping[str, object] | None = None
    """The section of labels that come in files of their own."""


def scaffold(
    name: str, profile: Profile, path: str, pattern: str = "*.csv", separator: str = ",", files: Files | None = None
) -> str:
    """YAML of a pipeline called `name` over the files `pattern` in the folder `path`.

    It loads with `config.load` unless the data itself allow no pipeline (no feature is left, reserved names); then
    loading says what is wrong.
    """
    stretch, files = _stretch(profile), files or Files()
    lines = [
        *_head(name, profile),
        *_source(path, pattern, separator, files.encoding),
        *_labels(files.labels),
        *columns_part(profile, files.optional, files.labels is not None),
        *private_section(profile),
        *validation_part(profile),
        *_split(profile, stretch),
        *_gates(profile),
        *_watch(profile, stretch),
        *_schedules(),
    ]
    return "\n".join(lines) + "\n"


def _stretch(profile: Profile) -> timedelta | None:
    """Time for the evaluation: two weeks where the data allow (duels go by days); None: too few rows or days.

    No longer than needed: the rows that judge a candidate are the newest, and it does not learn from them.
    """
    span = _span(profile)
    enough = [n for n in _STRETCHES if n <= span / _QUARTER and profile.rows * (n / span) >= _EVALUATED_ROWS]
    return next((n for n in enough if n >= _WHOLE), enough[-1] if enough else None)


def _span(profile: Profile) -> timedelta:
    return profile.end - profile.start if profile.start and profile.end else timedelta(0)


def _head(name: str, profile: Profile) -> Iterator[str]:
    yield "# A first version, written by `keepfit new` from data. Read it line by line: how a column behaved in one"
    yield "# file does not tell what it means. `keepfit check` says whether the file is valid."
    if profile.looked_at < profile.rows:
        yield f"# Types and leaks rest on {profile.looked_at} evenly spaced rows of {profile.rows}."
    for warning in profile.warnings:
        yield comment(f"LOOK: {warning}")
    yield f"pipeline: {flow(name)}"
    yield f"description: {flow(f'Predicts {profile.target}.')}"
    why = "the target has two classes" if profile.problem == "binary" else "the target is a number"
    yield f"problem: {profile.problem}  # {why}"
    yield f"metric: {profile.metric}"
    if profile.positive is not None:
        yield f"positive: {flow(profile.positive)}  # the class whose probability is predicted"
        yield f"negatives: {flow(list(profile.negatives))}  # any other text of the target is quarantined"


def _source(path: str, pattern: str, separator: str, encoding: str) -> Iterator[str]:
    yield ""
    yield "# Every new file in this folder is one batch; a content that was seen before is taken once."
    yield "source:"
    yield "  kind: folder"
    yield f"  path: {flow(path)}"
    yield f"  pattern: {flow(pattern)}"
    if separator != ",":
        yield f"  separator: {flow(separator)}"
    if encoding:
        yield f"  encoding: {flow(encoding)}  # it is no UTF-8; LOOK: are all letters right?"


def _labels(labels: Mapping[str, object] | None) -> Iterator[str]:
    yield ""
    if labels:
        yield "# Labels come in files of their own and belong to their events by an id."
    yield "labels:"
    if labels:
        yield from (f"  {key}: {flow(value)}" for key, value in labels.items())
        return
    yield "  kind: column"
    yield "  delay: 0s  # LOOK: how long after the event is the target really known? Too short a delay is a leak, too."


def _split(profile: Profile, stretch: timedelta | None) -> Iterator[str]:
    yield ""
    if stretch is None:
        yield "# The rows span too little time to cut by duration (or have none): they are cut by share, in order."
        yield "split:"
        yield "  history: [{kind: expanding}]"
        yield "  tuning: 0.2"
        yield "  evaluation: 0.2"
        return
    room = _span(profile) - stretch
    histories = [n for n in _HISTORIES if n <= room] or [3 * stretch if 3 * stretch <= room else stretch]
    yield f"# {profile.rows} rows span {_span(profile).days} days."
    yield "split:"
    yield f"  history: [{', '.join(map(format_duration, histories))}]  # the search tries each of them"
    yield f"  tuning: {format_duration(stretch)}"
    yield f"  evaluation: {format_duration(stretch)}  # the newest labelled rows: they alone judge"


def _gates(profile: Profile) -> Iterator[str]:
    target = profile.column(profile.target)
    margin = _MARGIN if profile.problem == "binary" or not target.spread else outward(_MARGIN * target.spread, 1)
    yield ""
    yield "# What a candidate has to pass before it becomes champion; margin: a smaller difference does not"
    yield f"# matter to you (in units of {profile.metric})."
    yield "gates:"
    yield "  - {kind: sanity}"
    yield "  - {kind: beats_dummy}"
    yield f"  - {{kind: beats_champion, margin: {flow(margin)}}}"
    yield "  - {kind: clean_process}"


def _watch(profile: Profile, stretch: timedelta | None) -> Iterator[str]:
    window = stretch or 30 * _DAY
    rows = profile.rows * (window / _span(profile)) if stretch else profile.rows
    yield ""
    yield "# What monitoring compares with the champion's training data, and what asks for retraining."
    yield f"drift: {{window: {format_duration(window)}}}"
    yield "# Performance asks on suspicion (5 % worse than promised, at 80 %): a duel, at 95 %, decides what serves."
    yield f"performance: {{window: {format_duration(window)}, max_loss: 0.05, confidence: 0.8}}"
    yield "triggers:"
    yield "  - {kind: performance}"
    yield "  - {kind: prediction_drift}"
    yield f"scoring: {{lookback: {format_duration(3 * window)}}}"
    yield ""
    yield "# How often a retraining may be started at all; sooner, the rows of the last duel would judge again."
    yield "governor:"
    yield f"  cooldown: {format_duration(window)}"
    yield f"  period: {format_duration(window)}"
    yield f"  min_new_labels: {max(_FEWEST_NEW_LABELS, int(rows / 10))}"
    yield f"  retry_after: {format_duration(2 * window)}  # after three useless ones; then twice as long, and so on"


def _schedules() -> Iterator[str]:
    yield ""
    yield "# cycle = ingestion, scoring, monitoring, one after the other. Edits made in the Prefect UI are kept."
    yield "schedules:"
    yield '  cycle: {cron: "0 6 * * *"}'
    yield "  reconciliation: {every: 15m}"
