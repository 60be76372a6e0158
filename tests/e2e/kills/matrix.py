"""All cases of the kill matrix on one stack, three at the same time; what must come of them stands in test_kills."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path
from threading import Event

from tasks.adapters.faults import FAULT_POINTS
from tests.e2e.kills import scenarios
from tests.e2e.kills.launcher import launcher
from tests.e2e.kills.scenarios import Seen, name_of
from tests.e2e.kills.world import World
from tests.e2e.stacks import stack

AT_THE_SAME_TIME = 3
TERMINATED = ("ingestion.staged", "training.trial_done", "promotion.judged", "scoring.predicted", "monitoring.measured")
PAUSED = ("ingestion.staged", "scoring.predicted")
CASES: dict[str, Callable[[World], Seen]] = {
    **{name_of("kill", point): partial(scenarios.kill, point=point) for point in FAULT_POINTS},
    **{name_of("term", point): partial(scenarios.terminate, point=point) for point in TERMINATED},
    # The second one waits until the lease has really expired; for the first one time is made to pass.
    **{name_of("pause", point): partial(scenarios.pause, point=point, wait=point == PAUSED[1]) for point in PAUSED},
}


class Matrix:
    """The cases that are asked for, in a folder of their own."""

    def __init__(self, folder: Path, wanted: Sequence[str]) -> None:
        self._folder = folder
        self._wanted = wanted
        self._is_cut_short = Event()

    def play(self) -> Mapping[str, "Future[Seen]"]:
        """What was seen of each case, or what was raised in it, when all are over and the stack has ended."""
        home, pipelines = self._folder / "home", self._folder / "pipelines"
        pipelines.mkdir(parents=True)
        variables = {
            "KEEPFIT_PIPELINES_DIR": str(pipelines),
            "KEEPFIT_EVIDENTLY_URL": "http://127.0.0.1:9",
            "PREFECT_LOGGING_LEVEL": "WARNING",  # a hundred runs' lines for a server that has other things to do
        }
        with (
            stack(home, **variables) as environment,
            launcher(environment) as launching,
            ThreadPoolExecutor(AT_THE_SAME_TIME + 1) as pool,
        ):
            world = World(home, pipelines, launching)
            for name in self._wanted:
                world.add(name)
            launching.ask("deploy", pipelines=[name for name in self._wanted if "monitoring" in name])
            if any("ingestion" not in name for name in self._wanted):
                pool.submit(world.make_states)
            cases = {name: pool.submit(self._see, name, world) for name in sorted(self._wanted, key=turn)}
            wait(cases.values())
        return cases

    def cut_short(self) -> None:
        """Begin no further case: nobody is going to look at them."""
        self._is_cut_short.set()

    def _see(self, name: str, world: World) -> Seen:
        assert not self._is_cut_short.is_set(), "the session ended before"
        return CASES[name](world)


def turn(name: str) -> int:
    """What needs no state comes first, then what waits longest: for a lease to expire, for a training on the worker."""
    kind, stage = name.split("-")[:2]
    return 0 if stage == "ingestion" else 1 if kind == "pause" else 2 if stage == "monitoring" else 3
