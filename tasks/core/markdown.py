"""Markdown for people: pages, tables and cells in which nothing that comes from data can do harm. No decisions here."""

from collections.abc import Mapping, Sequence

from tasks.core.results import Number


def page(title: str, lead: str, parts: Sequence[str], links: Mapping[str, str] | None = None) -> str:
    """A whole page: heading, one sentence, parts, links."""
    shown = [f"[{name}]({address})" for name, address in (links or {}).items()]
    return "\n\n".join([f"# {title}", lead, *parts, *(["See also: " + ", ".join(shown)] if shown else [])])


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A markdown table; bars and line breaks inside cells are made harmless."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(cell(value) for value in row) + " |" for row in rows]
    return "\n".join(lines)


def number(value: Number) -> str:
    """Four digits of a number, the text of anything else, and nothing for None."""
    return f"{value:.4g}" if isinstance(value, float) else str("" if value is None else value)


def cell(value: object) -> str:
    """One line of text in which bars, tags and pictures are made harmless."""
    text = number(value) if isinstance(value, float) else str(value)
    # Backslashes first, or one before a bar would undo the bar's own; a picture would be fetched from its address.
    for harmful, harmless in (("\\", "\\\\"), ("|", "\\|"), ("<", "&lt;"), ("![", "!\\[")):
        text = text.replace(harmful, harmless)
    return " ".join(text.split())
