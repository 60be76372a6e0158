"""A simulated period with one decision, for tests of what is made of periods."""

from datetime import datetime

from tasks.core.deciding import Decided
from tasks.core.simulation import Period


def period(
    as_of: datetime,
    end: datetime,
    score: float | None,
    *,
    asked: bool = False,
    trained: bool = False,
    promoted: bool = False,
    seconds: float = 0.0,
    remedy: str = "",
    model: int = 1,
) -> Period:
    """The period from `as_of` to `end`, whose decision came to a training, and that to a promotion, where told so."""
    outcome = "promoted" if trained and promoted else "refused" if trained else None
    waited = promoted and not trained
    return Period(as_of, end, 9, score, model, (Decided(as_of, asked, outcome, "", seconds, remedy, waited),))
