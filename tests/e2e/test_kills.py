"""The kill matrix: a process dies at each named fault point of each flow, and one more run leaves nothing broken."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from tasks.adapters.faults import FAULT_POINTS
from tests.e2e.kills import scenarios
from tests.e2e.kills.launcher import launcher
from tests.e2e.kills.scenarios import DELIVERED_DAYS, Seen, name_of
from tests.e2e.kills.world import BAD_ROWS, ROWS_PER_DAY, World
from tests.e2e.stacks import stack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]

AT_THE_SAME_TIME = 3
TERMINATED = ("ingestion.staged", "training.trial_done", "promotion.judged", "scoring.predicted", "monitoring.measured")
PAUSED = ("ingestion.staged", "scoring.predicted")
DELIVERED = DELIVERED_DAYS * ROWS_PER_DAY
CASES: dict[str, Callable[[World], Seen]] = {
    **{name_of("kill", point): partial(scenarios.kill, point=point) for point in FAULT_POINTS},
    **{name_of("term", point): partial(scenarios.terminate, point=point) for point in TERMINATED},
    # The second one waits until the lease has really expired; for the first one time is made to pass.
    **{name_of("pause", point): partial(scenarios.pause, point=point, wait=point == PAUSED[1]) for point in PAUSED},
}


@pytest.fixture(scope="module")
def seen(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Seen]]:
    """All cases that are asked for, begun side by side; gives what was seen of one when it is over."""
    mine = [item for item in request.session.items if item.path == request.path and isinstance(item, pytest.Function)]
    asked = {item.callspec.params["case"] for item in mine}
    wanted = [name for name in CASES if name in asked]
    home = tmp_path_factory.mktemp("kills") / "home"
    pipelines = home.parent / "pipelines"
    pipelines.mkdir()
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
        for name in wanted:
            world.add(name)
        launching.ask("deploy", pipelines=[name for name in wanted if "monitoring" in name])
        if any("ingestion" not in name for name in wanted):
            pool.submit(world.make_states)
        cases: dict[str, Future[Seen]] = {name: pool.submit(CASES[name], world) for name in sorted(wanted, key=turn)}
        try:
            yield lambda name: cases[name].result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def turn(name: str) -> int:
    """What needs no state comes first, then what waits longest: for a lease to expire, for a training on the worker."""
    kind, stage = name.split("-")[:2]
    return 0 if stage == "ingestion" else 1 if kind == "pause" else 2 if stage == "monitoring" else 3


def held(seen: Seen) -> dict[str, Any]:
    """The facts, after the checks that every case has to pass."""
    assert seen.again.code == 0, seen.again.output[-6000:]
    facts = seen.facts
    assert len(facts["checks"]) >= 9
    assert [check for check in facts["checks"] if check[1] != "pass"] == []
    assert facts["running"] == [], "MLflow runs are left RUNNING"
    assert not [state for state in facts["flow_runs"]["states"] if "Running" in state], facts["flow_runs"]
    assert facts["staged"] == []
    return facts


def entries(facts: dict[str, Any], kind: str) -> list[Any]:
    return [entry for entry in facts["journal"] if entry[0] == kind]


def stands_once(facts: dict[str, Any], case: str) -> None:
    """What the case's stage leaves behind is there, and once."""
    {"ingestion": ingested_once, "training": trained_once, "promotion": promoted_once, "scoring": scored_once,
     "monitoring": triggered_once}[case.split("-")[1]](facts)  # fmt: skip


def ingested_once(facts: dict[str, Any]) -> None:
    (batch,) = facts["batches"]
    assert (batch["delivered"], batch["accepted"], batch["quarantined"]) == (DELIVERED, DELIVERED - BAD_ROWS, BAD_ROWS)
    assert facts["rows"]["events"] == facts["rows"]["labels"] == {"rows": batch["accepted"], "ids": batch["accepted"]}
    assert facts["quarantined"] == BAD_ROWS
    assert [entry[1] for entry in entries(facts, "ingestion")] == ["accepted"]


def trained_once(facts: dict[str, Any]) -> None:
    assert facts["aliases"] == {"candidate": 1, "champion": 1}
    assert [entry[1] for entry in entries(facts, "promotion")] == ["promoted"]
    assert {entry[1] for entry in entries(facts, "training")} == {"promoted"}


def promoted_once(facts: dict[str, Any]) -> None:
    assert {name: facts["aliases"][name] for name in ("champion", "previous")} == {"champion": 2, "previous": 1}
    assert [(entry[1], entry[3]["version"]) for entry in entries(facts, "promotion")] == [
        ("promoted", 1),
        ("promoted", 2),
    ]


def scored_once(facts: dict[str, Any]) -> None:
    batches = [batch["accepted"] for batch in facts["batches"]]
    assert facts["predictions"] == {"rows": sum(batches), "twice": 0, "delivered": sum(batches)}


def triggered_once(facts: dict[str, Any]) -> None:
    (breach,) = entries(facts, "monitoring")
    assert breach[1] == "triggered"
    token = breach[3]["token"]
    ((run, state, key),) = facts["flow_runs"]["triggered"]
    assert (state, key) == ("Completed", token)
    assert [(entry[1], entry[3]["token"], entry[3]["flow_run"]) for entry in entries(facts, "trigger")] == [
        ("sent", token, run)
    ]
    assert [entry[1] for entry in entries(facts, "training") if entry[3]["token"] == token] == ["promoted"]
    assert facts["aliases"]["champion"] == 2


def of(kind: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", [name for name in CASES if name.startswith(f"{kind}-")])


@of("kill")
def test_killed_and_run_again_nothing_is_broken(seen: Callable[[str], Seen], case: str) -> None:
    found = seen(case)
    assert found.died.code == -9, found.died.output[-6000:]
    stands_once(held(found), case)
    # A lease of 60 s has to expire first; the rest is the run itself among all the others on this machine.
    assert found.seconds < 300, "seconds until the next run had ended"


@of("term")
def test_terminated_it_ends_within_ten_seconds_and_the_next_run_mends(seen: Callable[[str], Seen], case: str) -> None:
    found = seen(case)
    assert found.died.code != 0
    assert found.seconds < 10, "seconds from the signal to the end"
    stands_once(held(found), case)


@of("pause")
def test_paused_and_succeeded_it_publishes_nothing_when_it_goes_on(seen: Callable[[str], Seen], case: str) -> None:
    found = seen(case)
    assert found.died.code == 1, found.died.output[-6000:]
    assert "LeaseLost" in found.died.output
    stands_once(held(found), case)
