"""The ML Test Score of a version, from evidence: 28 tests in four sections, of which the weakest counts.

Source: Breck, Cai, Nielsen, Salib, Sculley: The ML Test Score, IEEE Big Data 2017. Nothing is read or decided here.
"""

from dataclasses import dataclass

from tasks.core.ml_test_score import data, infrastructure, model, monitoring
from tasks.core.ml_test_score.known import Known, Setup
from tasks.core.ml_test_score.points import Point, Question

__all__ = ["SECTIONS", "Known", "Point", "Question", "Scorecard", "Setup", "ml_test_score"]

SECTIONS = {
    "features and data": data.TESTS,
    "model development": model.TESTS,
    "infrastructure": infrastructure.TESTS,
    "monitoring": monitoring.TESTS,
}
_MEANINGS = (
    (5.0, "exceptional levels of automated testing and monitoring"),
    (3.0, "strong levels of automated testing and monitoring"),
    (2.0, "reasonably tested"),
    (1.0, "a first pass at basic productionization"),
    (0.0, "not totally untested, with serious holes"),
)


@dataclass(frozen=True)
class Scorecard:
    """What each test earned, by section and mark."""

    points: dict[str, dict[str, Point]]

    @property
    def sections(self) -> dict[str, float]:
        """The sum of each section, 0 to 7."""
        return {name: sum(point.worth for point in points.values()) for name, points in self.points.items()}

    @property
    def score(self) -> float:
        """The least of the sections: a strong one does not make up for a weak one."""
        return min(self.sections.values())

    @property
    def meaning(self) -> str:
        """What the paper's table V says of such a score."""
        return next((text for above, text in _MEANINGS if self.score > above), "more a research project than a product")


def ml_test_score(known: Known) -> Scorecard:
    """Ask all 28 tests."""
    return Scorecard({name: {test.mark: test.earn(known) for test in tests} for name, tests in SECTIONS.items()})
