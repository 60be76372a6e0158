"""Banned versions, by the journal: one that was taken back for good is never promoted, gone back to or served again."""

from collections.abc import Sequence

from tasks.core.championship import ROLLED_BACK
from tasks.core.results import Check, JournalEntry, Verdict


def banned(entries: Sequence[JournalEntry]) -> dict[int, str]:
    """Every banned version with the reason; a ban has no end."""
    return {
        int(entry.decision.evidence["replaces"]): entry.decision.reason
        for entry in entries
        if entry.decision.outcome == ROLLED_BACK and entry.decision.evidence.get("banned")
    }


def judge_ban(entries: Sequence[JournalEntry], version: int) -> Check:
    """The gate that every judgement of a version passes through: fail where it is banned."""
    why = banned(entries).get(version)
    if why is None:
        return Check("not_banned", Verdict.PASS, f"version {version} is not banned", {"rule": None})
    told = f"version {version} is banned and never promoted again: {why}. Train a new one."
    return Check("not_banned", Verdict.FAIL, told, {"rule": "banned"})
