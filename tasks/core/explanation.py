"""One decision told whole from the journal: which entry is meant, what it came from and led to, and its page.

Reads entries only; the words of a page's parts stand in `dossiers`, the hash chain in `journal`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tasks.core import dossiers, markdown
from tasks.core.errors import NotFound
from tasks.core.journal import verify_chain
from tasks.core.results import Check, Decision, JournalEntry, Verdict

_SHOWN = 5
# A champion is watched and scores for months: the story of its promotion names those decisions and stops there.
_LEAVES = {"monitoring", "scoring", "ingestion"}


def find_entry(entries: Sequence[JournalEntry], wanted: str) -> JournalEntry:
    """The entry with that number, that key, or the only one whose key or token begins so.

    Raises:
        NotFound: there is none, or there are several. The message says which there are.
    """
    wanted = wanted.strip().removeprefix("#")
    if wanted.isdecimal() and (found := [entry for entry in entries if entry.sequence == int(wanted)]):
        return found[0]
    names = [(entry, _names(entry.decision)) for entry in entries]
    exact = [entry for entry, known in names if wanted == known[0]]
    found = exact or [entry for entry, known in names if wanted and any(name.startswith(wanted) for name in known)]
    if len(found) == 1:
        return found[0]
    if found:
        shown = ", ".join(f"{entry.sequence} ({entry.decision.key})" for entry in found[:_SHOWN])
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise NotFound(f"{len(found)} decisions begin with {wanted!r}: {shown}{more}. Give the number of one of them.")
    held = f"it holds the numbers 1 to {entries[-1].sequence}" if entries else "it is empty"
    raise NotFound(
        f"There is no decision {wanted!r} in this journal; {held}. Give a number as `keepfit "
        "decisions` lists them, a key, or the beginning of a key or of a token."
    )


def _names(decision: Decision) -> tuple[str, ...]:
    token = decision.evidence.get("token")
    # The token of a breach stands on its training, too; what a person looks for by it is the breach.
    return (decision.key, str(token)) if token and decision.kind == "monitoring" else (decision.key,)


def came_from(entries: Sequence[JournalEntry], entry: JournalEntry) -> list[JournalEntry]:
    """The decisions that this one rests on, and those that these rest on, oldest first; no champion's whole life."""
    found: dict[int, JournalEntry] = {}
    known = _Index(entries)
    ahead = list(_causes(known, entry))
    while ahead:
        cause = ahead.pop()
        if cause.sequence not in found:
            found[cause.sequence] = cause
            ahead += [] if cause.decision.kind in _LEAVES else _causes(known, cause)
    return [found[number] for number in sorted(found)]


def led_to(entries: Sequence[JournalEntry], entry: JournalEntry) -> list[JournalEntry]:
    """The decisions that rest on this one, and those that rest on these, oldest first; checks of a champion end it."""
    found: dict[int, JournalEntry] = {}
    ahead, known = [entry], _Index(entries)
    causes = {one.sequence: {cause.sequence for cause in _causes(known, one)} for one in entries}
    while ahead:
        cause = ahead.pop()
        if cause is not entry and cause.decision.kind in _LEAVES:
            continue
        effects = [one for one in entries if cause.sequence in causes[one.sequence] and one.sequence not in found]
        found |= {one.sequence: one for one in effects}
        ahead += effects
    return [found[number] for number in sorted(found)]


class _Index:
    """Entries by their key, and by kind with the token or version that they speak of: a journal holds years."""

    def __init__(self, entries: Sequence[JournalEntry]) -> None:
        self.by: dict[tuple[str, str], list[JournalEntry]] = {}
        for entry in entries:
            told = entry.decision.evidence
            names = [(entry.decision.kind, f"{name} {told[name]}") for name in ("token", "version") if name in told]
            for name in [("key", entry.decision.key), *names]:
                self.by.setdefault(name, []).append(entry)

    def keyed(self, keys: Iterable[str]) -> list[JournalEntry]:
        """The entries of these keys, in order."""
        return sorted((one for key in set(keys) for one in self.by.get(("key", key), ())), key=lambda e: e.sequence)

    def about(self, kind: str, name: str, value: Any) -> list[JournalEntry]:
        """The entries of a kind whose token or version this is, in order; none for None."""
        return [] if value is None else self.by.get((kind, f"{name} {value}"), [])


def _causes(known: _Index, entry: JournalEntry) -> Iterator[JournalEntry]:
    """What a decision rests on directly: by token, by model version, by batch."""
    decision = entry.decision
    evidence = decision.evidence
    if decision.kind in {"trigger", "probe", "training"} and (token := evidence.get("token")):
        for kind in {"trigger": ("monitoring",), "probe": ("trigger",)}.get(decision.kind, ("trigger", "probe")):
            yield from known.about(kind, "token", token)
    # What it names by key: a breaker's trainings, the proposal that people answered.
    yield from known.keyed([*evidence.get("rests_on", ()), *filter(None, [evidence.get("proposal")])])
    if decision.kind == "promotion":
        # The training writes its end down after the promotion that it asked for.
        yield from known.about("training", "version", evidence.get("version"))[:1]
    if decision.kind in {"monitoring", "scoring", "probation"}:
        yield from _crowned(known, entry, evidence.get("version"))
    if decision.kind == "rollback":
        yield from _crowned(known, entry, evidence.get("replaces"))
    if decision.kind == "scoring":
        yield from known.keyed(f"ingestion:{batch}" for batch in evidence.get("batches", ()))


def _crowned(known: _Index, entry: JournalEntry, version: Any) -> list[JournalEntry]:
    """The promotion or rollback that made this version the champion that the entry looked at."""
    changes = known.about("promotion", "version", version) + known.about("rollback", "version", version)
    before = [one for one in changes if one.decision.verdict is Verdict.PASS and one.sequence < entry.sequence]
    return sorted(before, key=lambda one: one.sequence)[-1:]


def explanation_page(entries: Sequence[JournalEntry], entry: JournalEntry) -> str:
    """The page of one decision: signal, evidence, remedy, gates, duel, outcome, cost, and its place in the story."""
    decision = entry.decision
    window = f", window {decision.window}" if decision.window else ""
    lead = f"**{decision.outcome}** ({decision.verdict}), decided as of {decision.as_of:%Y-%m-%d %H:%M} UTC{window}."
    parts = [*dossiers.answer(decision), *_facts(decision), *_checks(decision)]
    parts += _told("What it came from", came_from(entries, entry))
    parts += _told("What it led to", led_to(entries, entry))
    parts.append(_place(entries, entry))
    return markdown.page(f"Decision {entry.sequence} of {decision.pipeline}: {decision.kind}", lead, parts)


def _facts(decision: Decision) -> list[str]:
    plain = {name: value for name, value in decision.evidence.items() if isinstance(value, str | int | float)}
    facts = [*plain.items(), *([("run", decision.run_id)] if decision.run_id else [])]
    return [markdown.table(("fact", "value"), facts)] if facts else []


def _checks(decision: Decision) -> list[str]:
    evidence = decision.evidence
    signals = _answers({**told, "name": name} for name, told in evidence.items() if isinstance(told, Mapping))
    gates, columns = _answers(evidence.get("gates", ())), _answers(evidence.get("columns", ()))
    parts = [f"### {title}\n\n{dossiers.checks_table(checks)}\n\n{_numbers(checks)}"
             for title, checks in (("Evidence", signals), ("Gates", gates)) if checks]  # fmt: skip
    return [*parts, *dossiers.duel_part(gates), *dossiers.columns_part(columns)]


def _answers(told: Iterable[Any]) -> list[Check]:
    """What in the evidence is an answer: it has a verdict and a reason."""
    held = [one for one in told if isinstance(one, Mapping) and {"name", "verdict", "reason"} <= set(one)]
    return [Check(str(one["name"]), Verdict(one["verdict"]), str(one["reason"]), one.get("numbers") or {})
            for one in held]  # fmt: skip


def _numbers(checks: Sequence[Check]) -> str:
    rows = [(c.name, ", ".join(f"{key} {markdown.number(value)}" for key, value in c.numbers.items()
                               if value is not None)) for c in checks]  # fmt: skip
    return markdown.table(("check", "numbers"), [row for row in rows if row[1]])


def _told(title: str, story: Sequence[JournalEntry]) -> list[str]:
    rows: list[tuple[object, ...]] = []
    alike: dict[tuple[str, str], list[JournalEntry]] = {}
    for entry in story:
        alike.setdefault((entry.decision.kind, entry.decision.outcome), []).append(entry)
    for entry in story:
        decision = entry.decision
        same = alike[decision.kind, decision.outcome]
        if len(same) > _SHOWN and decision.kind in _LEAVES:
            if entry is same[0]:
                told = f"{len(same)} times, until {same[-1].decision.as_of:%Y-%m-%d}"
                rows.append((f"{entry.sequence} … {same[-1].sequence}", decision.kind, decision.outcome, told))
        else:
            rows.append((entry.sequence, decision.kind, decision.outcome, decision.reason))
    return [f"### {title}\n\n" + markdown.table(("#", "stage", "outcome", "why"), rows)] if rows else []


def _place(entries: Sequence[JournalEntry], entry: JournalEntry) -> str:
    broken = verify_chain(entries)
    whole = "the chain is whole" if not broken else f"**the chain is broken**: {broken[0]} See `keepfit verify`."
    return (
        f"**Journal:** entry {entry.sequence} of {len(entries)}, key `{entry.decision.key}`, written "
        f"{entry.recorded_at:%Y-%m-%d %H:%M:%S} UTC, hash {entry.hash[:16]}…; {whole}"
    )
