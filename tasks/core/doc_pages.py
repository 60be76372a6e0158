"""Pages of validation results that stand alone: no script, nothing from elsewhere, readable on a phone.

Turns Great Expectations' pages into such, and writes the index that leads to them. Never a cell value.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 70rem; padding: 1rem; color: #1b1f24 }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1.5rem }
th, td { text-align: left; vertical-align: top; padding: .35rem .6rem; border-bottom: 1px solid #d8dee4 }
h4, h5, h6 { font-size: 1.1rem; margin: 1.2rem 0 .3rem } a { color: #0b5fa5 } pre { white-space: pre-wrap }
.held, .fa-check-circle::before { color: #17692f } .broken, .fa-times::before { color: #a3161a }
.fa-check-circle::before { content: "holds" } .fa-times::before { content: "broken" }
.fa-exclamation-triangle::before { content: "not known"; color: #8a5a00 }
nav img, footer, label, input, a[data-toggle="collapse"], .navbar-toggler { display: none }
@media (max-width: 40rem) { table { display: block; overflow-x: auto } }
"""
_HEAD = (
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
)
# What loads, runs or counts: the policy above forbids it, too, and a page without it shows no errors.
_ELSEWHERE = (r"<script\b.*?</script>", r"<link\b[^>]*>", r"<style\b.*?</style>", r"<img\b[^>]*>",
              r"<footer\b.*?</footer>", r"<svg\b.*?</svg>")  # fmt: skip
_SUITE_LINK = r'<a [^>]*href="[^"]*expectations/[^"]*"[^>]*>(.*?)</a>'  # to a page that is not made


@dataclass(frozen=True)
class Line:
    """One delivery on the index: judged when, by which suite, and how many of its rules held; `page` leads on."""

    as_of: datetime
    suite: str
    batch: str
    success: bool
    held: int
    rules: int
    page: str


def alone(text: str) -> str:
    """The HTML of a page of Great Expectations, without all that loads or runs, in a style of its own."""
    for pattern in _ELSEWHERE:
        text = re.sub(pattern, "", text, flags=re.DOTALL | re.IGNORECASE)
    text = re.sub(_SUITE_LINK, r"\1", text, flags=re.DOTALL)
    return re.sub(r"<head\b[^>]*>", lambda found: f"{found[0]}{_HEAD}<style>{_STYLE}</style>", text, count=1)


def index(pipeline: str, lines: Sequence[Line]) -> str:
    """The page to begin with: every delivery, the newest first."""
    rows = "".join(_row(line) for line in lines)
    name = escape(pipeline)
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="UTF-8">{_HEAD}<title>Data Docs of {name}</title>'
        f"<style>{_STYLE}</style></head><body><h4>Data Docs of {name}</h4>"
        f"<p>What the rules said of the newest {len(lines)} deliveries. Counts only, no values.</p>"
        "<table><thead><tr><th>judged as of</th><th>delivery of</th><th>rules</th><th>batch</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></body></html>"
    )


def _row(line: Line) -> str:
    mark = "held" if line.success else "broken"
    told = f"all {line.rules} hold" if line.success else f"{line.rules - line.held} of {line.rules} broken or not known"
    when = line.as_of.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
    return (
        f'<tr><td>{when}</td><td>{escape(line.suite)}</td><td class="{mark}">{told}</td>'
        f'<td><a href="{escape(line.page)}">{escape(line.batch[:12])}</a></td></tr>'
    )
