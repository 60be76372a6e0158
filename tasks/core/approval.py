"""Approval: what passed every rule waits, as a proposal in the journal, for the people who say whether it may be done.

Pure rules on entries and on what stands now; who asks, what is read and moved is `tasks.approval`'s business.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal
from unicodedata import normalize

from tasks.core.bans import banned
from tasks.core.championship import PROMOTED, PROPOSED, REFUSED
from tasks.core.journal import canonical
from tasks.core.results import Check, Decision, JournalEntry, Number, Verdict
from tasks.core.terms import Approval, Freeze, frozen_by

NAME = "approval"
SECONDED, DECLINED, EXPIRED, VOID, DENIED = "approved once", "declined", "expired", "void", "denied"
Rule = Literal[
    "not_a_proposal", "no_person", "no_reason", "used", "expired", "evidence_changed", "superseded",
    "champion_changed", "alias_moved", "artefact_changed", "banned", "same_person", "freeze", "governor",
]  # fmt: skip
# What a proposal rested on is gone: it ends, whatever comes back. The others leave it to who may approve it.
VOIDING = frozenset({"evidence_changed", "superseded", "champion_changed", "alias_moved", "artefact_changed", "banned"})
_ENDS = frozenset({PROMOTED, "triggered", DECLINED, EXPIRED, VOID})
_SHOWN = 12


@dataclass(frozen=True)
class Standing:
    """What stands now: the champion by the journal (its receipt's number; 0: none) and by the registry's alias.

    `sha256`: of the version's file as it lies there, "" without one. `changed`: what of the evidence is not what it
    was, as a sentence; "" for nothing. `governed`: for a retraining, what the governor says to it now.
    """

    receipt: int
    champion: int | None
    sha256: str = ""
    changed: str = ""
    governed: Check | None = None


def terms(config: Approval, receipt: int, now: datetime, evidence: Mapping[str, Any]) -> dict[str, Any]:
    """The evidence of a proposal: what was judged, its terms, and last the digest that binds the approval to it."""
    bound = {
        **evidence, "receipt": receipt, "four_eyes": config.four_eyes, "expires_at": (now + config.expires).isoformat(),
    }  # fmt: skip
    return {**bound, "digest": digest_of(bound)}


def digest_of(evidence: Mapping[str, Any]) -> str:
    """SHA-256 over the canonical JSON of everything in the evidence but the digest itself."""
    bound = canonical({name: value for name, value in evidence.items() if name != "digest"})
    return sha256(json.dumps(bound, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def is_proposal(decision: Decision) -> bool:
    """Whether people can answer it; the training whose candidate is proposed says so too, and is none."""
    return decision.outcome == PROPOSED and decision.kind in {"promotion", "monitoring"}


def waiting_since(entries: Sequence[JournalEntry]) -> list[JournalEntry]:
    """The proposals that nobody has ended yet, in order."""
    ended = {_proposal_of(entry.decision) for entry in entries if entry.decision.outcome in _ENDS}
    return [entry for entry in entries if is_proposal(entry.decision) and entry.decision.key not in ended]


def overdue(entries: Sequence[JournalEntry], now: datetime) -> list[JournalEntry]:
    """The proposals that nobody has answered in time."""
    return [entry for entry in waiting_since(entries) if now >= _expires(entry.decision)]


def supporters(entries: Sequence[JournalEntry], proposal: Decision) -> list[str]:
    """Who has approved a proposal of four eyes so far."""
    return [str(entry.decision.evidence["who"]) for entry in entries
            if entry.decision.outcome == SECONDED and _proposal_of(entry.decision) == proposal.key]  # fmt: skip


def judge(  # noqa: PLR0913 - an approval and what it is held against, by name
    entries: Sequence[JournalEntry],
    proposal: Decision,
    *,
    who: str,
    why: str,
    now: datetime,
    standing: Standing,
    freezes: Sequence[Freeze] = (),
    digest: str = "",
) -> Check:
    """Pass = the approval counts. Fail: `numbers["rule"]` names what refuses it, `numbers["rules"]` all that do.

    `digest`: the beginning of the evidence's digest that the person has read; "" where they rely on the journal's.
    """
    found = list(_objections(entries, proposal, who, why, now))
    if is_proposal(proposal):
        found += [*_changes(entries, proposal, standing, digest), *_people(entries, proposal, who)]
        if proposal.kind == "promotion" and (freeze := frozen_by(freezes, now)):
            found.append(("freeze", f"nothing is promoted from {freeze}; approve it after that"))
        if standing.governed is not None and not standing.governed.passed:
            found.append(("governor", standing.governed.reason))
    return _answer(found, "the approval counts: the evidence is what it was, and nothing stands in the way")


def judge_refusal(entries: Sequence[JournalEntry], proposal: Decision, *, who: str, why: str, now: datetime) -> Check:
    """Whether a person's refusal counts: a proposal that waits can be refused by anyone who says who and why."""
    return _answer(list(_objections(entries, proposal, who, why, now)), "the refusal counts")


def _answer(found: Sequence[tuple[Rule, str]], passed: str) -> Check:
    numbers: dict[str, Number] = {"rule": None, "rules": None}
    if not found:
        return Check(NAME, Verdict.PASS, passed, numbers)
    numbers |= {"rule": found[0][0], "rules": "+".join(rule for rule, _ in found)}
    return Check(NAME, Verdict.FAIL, "; ".join(f"{rule}: {told}" for rule, told in found), numbers)


def _objections(
    entries: Sequence[JournalEntry], proposal: Decision, who: str, why: str, now: datetime
) -> Iterator[tuple[Rule, str]]:
    if not is_proposal(proposal):
        yield "not_a_proposal", f"it is {proposal.kind}, {proposal.outcome}; only what is proposed can be answered"
        return
    if not _person(who):
        yield "no_person", "say who answers"
    if not why.strip():
        yield "no_reason", "say why"
    ends = [one for one in entries if one.decision.outcome in _ENDS and _proposal_of(one.decision) == proposal.key]
    if ends:
        yield "used", f"the proposal ended as {ends[0].decision.outcome} by decision {ends[0].sequence}"
    if now >= _expires(proposal):
        yield "expired", f"it could be answered until {_expires(proposal):%Y-%m-%d %H:%M} UTC; silence is a refusal"


def _changes(
    entries: Sequence[JournalEntry], proposal: Decision, standing: Standing, digest: str
) -> Iterator[tuple[Rule, str]]:
    told = proposal.evidence
    kept, replaces, version = str(told.get("digest", "")), told.get("replaces", told.get("version")), told["version"]
    if digest_of(told) != kept or not kept.startswith(digest.strip().lower()):
        yield "evidence_changed", f"its digest begins with {kept[:_SHOWN]}, which is not what was read or what it holds"
    elif standing.changed:
        yield "evidence_changed", standing.changed
    newer = [entry for entry in entries if _about_the_same(entry.decision, proposal)]
    if newer and newer[-1].decision.key != proposal.key:
        yield "superseded", f"it was judged again by decision {newer[-1].sequence}"
    if standing.receipt != told["receipt"]:
        yield "champion_changed", f"the champion that it was held against ({replaces or 'none'}) was replaced since"
    if (standing.champion or 0) != (replaces or 0):
        yield "alias_moved", f"the registry's champion is {standing.champion or 'none'}, not {replaces or 'none'}"
    if proposal.kind == "promotion" and standing.sha256 != told["sha256"]:
        yield "artefact_changed", f"the file of version {version} is not the one that was judged"
    if proposal.kind == "promotion" and (reason := banned(entries).get(int(version))):
        yield "banned", f"version {version} is banned: {reason}"


def _people(entries: Sequence[JournalEntry], proposal: Decision, who: str) -> Iterator[tuple[Rule, str]]:
    if _person(who) in map(_person, supporters(entries, proposal)):
        yield "same_person", f"{who.strip()} has approved it already; the second approval is another person's"


def _about_the_same(decision: Decision, proposal: Decision) -> bool:
    """Whether it judged the same version: a promotion's judgements only, a breach has one for ever."""
    judged = decision.kind == "promotion" and decision.outcome in {PROPOSED, REFUSED}
    return judged and proposal.kind == "promotion" and decision.evidence.get("version") == proposal.evidence["version"]


def _proposal_of(decision: Decision) -> str:
    return str(decision.evidence.get("proposal", ""))


def _expires(proposal: Decision) -> datetime:
    return datetime.fromisoformat(str(proposal.evidence["expires_at"]))


def _person(name: str) -> str:
    """One person whatever the spelling's case, width and blanks: "Ada " and "ADA" do not make four eyes."""
    return " ".join(normalize("NFKC", name).casefold().split())
