"""A policy's result survives JSON, equals what the core says of the same tables, and has a key of its own."""

import json
from dataclasses import replace
from datetime import UTC, datetime

from tasks import simulation
from tasks.adapters.store import Store
from tasks.core import rehearsal
from tasks.core.history import History
from tasks.core.plays import Play
from tasks.core.policies import EveryWindow, Keepfit, Never
from tasks.core.simulation import Change, simulate
from tasks.session import Session
from tests.tasks.core.histories import DAY, SETTING, moments, tables


def test_a_stored_history_is_simulated_like_the_core_would(tmp_path):
    events, labels = tables(changes_on=100)
    store = Store(str(tmp_path), "made-up")
    store.append("events", events, "a")
    store.append("labels", labels, "a")
    pinned = simulation.pin_history.fn(Session(store, "", datetime.now(UTC), "test"))
    assert (pinned.span.start, pinned.span.end) == (events["_event_time"].min(), events["_event_time"].max())
    when = moments()
    ahead = simulation.rehearse_training.fn(pinned, SETTING, when[1], "code", "key")
    answer = simulation.simulate_policy.fn(pinned, Play("every", SETTING, EveryWindow(), tuple(when)), "code", "key")
    run = simulation.run_of(json.loads(json.dumps(answer)))
    expected = tuple(simulate(History.of(events, labels), SETTING, EveryWindow(), when))
    untimed = [replace(p, decisions=tuple(replace(one, seconds=0.0) for one in p.decisions)) for p in run.periods]
    assert untimed == list(expected)
    assert run.periods[1].decisions[0].seconds == ahead > 0
    assert run.check_seconds > 0
    later = Play("changed", SETTING, Never(), tuple(when), Change(when[3], SETTING), known_by=when[5])
    told = simulation.run_of(simulation.simulate_policy.fn(pinned, later, "code", "key"))
    past = History.of(events, labels).until(when[5])
    assert (told.policy, told.periods[0].as_of) == ("changed", when[3])
    serving = [p.score for p in simulate(past, SETTING, Never(), when)][3:]
    assert [period.score for period in told.periods] == serving
    assert serving[-1] is None  # nothing was known of what came after
    assert rehearsal.recipes(SETTING)[0].parameters == {"strength": 0.31622776601683794}


def test_every_part_of_a_simulation_is_part_of_its_key(tmp_path):
    store, when = Store(str(tmp_path), "made-up"), moments()
    events, labels = tables(days=20)
    store.append("events", events, "a")
    store.append("labels", labels, "a")
    session = Session(store, "", datetime.now(UTC), "test")
    pinned = simulation.pin_history.fn(session)
    store.append("labels", labels, "b")
    later = simulation.pin_history.fn(session)
    play = Play("keepfit", SETTING, Keepfit(), tuple(when))
    keys = {
        simulation.key_of(pinned, "code", play),
        simulation.key_of(later, "code", play),
        simulation.key_of(pinned, "other", play),
        simulation.key_of(pinned, "code", replace(play, setting=replace(SETTING, seed=1))),
        simulation.key_of(pinned, "code", replace(play, moments=tuple(when[1:]))),
        simulation.key_of(pinned, "code", replace(play, policy=EveryWindow())),
        simulation.key_of(pinned, "code", replace(play, change=Change(when[1], SETTING))),
        simulation.key_of(pinned, "code", replace(play, change=Change(when[1], replace(SETTING, seed=1)))),
        simulation.key_of(pinned, "code", replace(play, known_by=when[2])),
        simulation.key_of(pinned, "code", replace(play, check_every=DAY)),
    }
    assert len(keys) == 10
