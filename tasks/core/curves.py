"""Where a curve's points and marks stand in a frame of 100 x 100, for a picture that scales; no colours, no drawing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from tasks.core.board import Card, Point

_MARGIN = 0.08


@dataclass(frozen=True)
class Curve:
    """Places in percent from the left and from the top; texts for the axes."""

    lines: tuple[str, ...]
    bands: tuple[str, ...]
    limits: tuple[str, ...]
    dots: tuple[tuple[float, float, str], ...]
    marks: tuple[tuple[float, str, str, str], ...]
    ticks: tuple[tuple[float, str], ...]
    first: str
    last: str


def curve_of(card: Card) -> Curve | None:
    """The curve of a card; None when fewer than two checks have a score: there is nothing to look at yet."""
    points = card.points
    if len(points) < 2:  # noqa: PLR2004 - a line has two ends
        return None
    moments = [*(point.at for point in points), *(mark.at for mark in card.marks)]
    first, last = min(moments), max(moments)
    values = [one for p in points for one in (p.score, p.low, p.high, p.limit) if one is not None]
    low, high = min(values), max(values)
    room = (high - low or abs(high) or 1.0) * _MARGIN
    low, high = low - room, high + room

    def x(at: datetime) -> float:
        return round(100 * (at - first) / (last - first), 2) if last > first else 50.0

    def y(value: float) -> float:
        return round(100 * (high - value) / (high - low), 2)

    reigns = [list(group) for _, group in groupby(points, key=lambda point: point.version)]
    dots = tuple((x(p.at), y(p.score), f"{p.at:%Y-%m-%d}: {p.score:.3g}, version {p.version}") for p in points)
    ticks = tuple((y(value), f"{value:.3g}") for value in (min(values), (min(values) + max(values)) / 2, max(values)))
    return Curve(
        tuple(" ".join(f"{x(p.at)},{y(p.score)}" for p in reign) for reign in reigns),
        tuple(band for reign in reigns if (band := _band([(x(p.at), p) for p in reign], y))),
        tuple(" ".join(f"{x(p.at)},{y(p.limit)}" for p in reign if p.limit is not None) for reign in reigns),
        dots, tuple((x(m.at), m.kind, f"{m.at:%Y-%m-%d}: {m.label}", m.short) for m in card.marks), ticks,
        f"{first:%b %Y}", f"{last:%b %Y}",
    )  # fmt: skip


def _band(places: Sequence[tuple[float, Point]], y: Callable[[float], float]) -> str:
    """The outline of the interval around a line; empty where one of its ends is not known."""
    ends = [(at, p.low, p.high) for at, p in places if p.low is not None and p.high is not None]
    if len(ends) < len(places):
        return ""
    upper = [f"{at},{y(high)}" for at, _, high in ends]
    return " ".join([*upper, *(f"{at},{y(low)}" for at, low, _ in reversed(ends))])
