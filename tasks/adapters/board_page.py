"""Jinja2: the board as one HTML file that needs nothing else and runs nothing. What stands on it: core.board."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from tasks.core.board import STATES, Card, headline, ordered
from tasks.core.curves import curve_of

_TEMPLATE = Path(__file__).with_name("board.html.j2")


def render_board(cards: Sequence[Card], as_of: datetime) -> str:
    """The whole page. Every value is escaped; a script or an address of elsewhere would not be followed (CSP)."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    shown = [(card, curve_of(card)) for card in ordered(cards)]
    return template.render(cards=shown, headline=headline(cards), as_of=as_of, states=STATES)
