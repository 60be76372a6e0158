"""The page of a release, and parts of pages that tell of deliveries. Markdown for people; never a cell value."""

from collections.abc import Sequence

from tasks.core.markdown import page, table
from tasks.core.results import Decision


def release_page(
    pipeline: str, what: str, asked: tuple[str, str], lines: Sequence[str], decisions: Sequence[Decision]
) -> str:
    """What a person had judged again (`asked`: who and why), and what is in now."""
    rows = [(d.evidence["name"], d.evidence["accepted"], d.evidence["batch"][:12]) for d in decisions]
    parts = [table(("what", "who", "why"), [(what, *asked)]), table(("became",), [(line,) for line in lines])]
    parts += [table(("delivery", "rows", "batch"), rows)] if rows else []
    after = "Scoring follows." if rows else "Mend the rule or the delivery, and release again."
    lead = f"{sum(d.evidence['accepted'] for d in decisions)} rows of {len(decisions)} deliveries are in."
    return page(f"Release in {pipeline}", lead, [*parts, f"**Next:** {after}"])
