"""The heartbeat on real stores: a stopped scheduler, a hung worker and old data are noticed within two periods."""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pandas as pd
import pytest

from config.load import load_pipeline
from config.opening import open_pipeline
from config.schedules import Schedule, slot_before_last
from config.settings import Settings
from deployments.commands.heartbeat import _answers, _limits
from tasks.adapters import orchestrator
from tasks.core.errors import ConfigInvalid
from tasks.core.heartbeat import dead
from tests.deployments.test_cli import keepfit

NAME = "subscriptions"
NOW = datetime(2025, 5, 10, 12, tzinfo=UTC)
PERIOD = timedelta(minutes=15)  # of the reconciliation of this pipeline; its cycle is due on the 1st of a month


@pytest.fixture
def settings(tmp_path, monkeypatch):
    for name in ("PREFECT_API_URL", "MLFLOW_TRACKING_URI", "KEEPFIT_EVIDENTLY_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(orchestrator, "sign_flow_run", lambda _run: None)
    found = Settings(home=tmp_path, pipelines_dir=tmp_path)
    source = Settings().pipelines_dir / f"{NAME}.yaml"
    (tmp_path / source.name).write_text(source.read_text())
    os.utime(tmp_path / source.name, (0, (NOW - timedelta(days=400)).timestamp()))
    return found


def finish(settings, stage, at):
    _, session = open_pipeline(NAME, None, f"run-{at.isoformat()}", settings)
    with replace(session, clock=lambda: at).hold(stage):
        pass


def reasons(settings, now=NOW, **limits):
    return [
        line.split(": ", 2)[1:] for line in dead({NAME: _answers(load_pipeline(NAME, settings), settings, limits, now)})
    ]


def test_a_loop_that_runs_is_alive_and_one_that_stopped_is_noticed_within_two_periods(settings):
    finish(settings, "cycle", NOW - timedelta(days=9))
    for number in range(4):
        finish(settings, "reconciliation", NOW - number * PERIOD)
    finish(settings, "reconciliation", NOW)
    assert reasons(settings) == []
    assert reasons(settings, NOW + 1.9 * PERIOD) == []
    ((stage, why),) = reasons(settings, NOW + 2.1 * PERIOD)
    assert stage == "reconciliation"
    assert why.endswith("allowed are 30 min. Nothing runs it now.")
    stages = [stage for stage, _ in reasons(settings, datetime(2025, 7, 1, 6, 1, tzinfo=UTC))]
    assert stages == ["cycle", "reconciliation"]
    assert [stage for stage, _ in reasons(settings, datetime(2025, 6, 30, tzinfo=UTC))] == ["reconciliation"]


def test_a_run_that_hangs_is_named(settings):
    finish(settings, "cycle", NOW - timedelta(days=9))
    finish(settings, "reconciliation", NOW)
    _, session = open_pipeline(NAME, None, "the hung run", settings)
    with session.hold("reconciliation"):
        ((_, why),) = reasons(settings, NOW + 3 * PERIOD)
    assert why.endswith("A run holds it now: the hung run; it may hang.")


def test_what_never_ran_is_noticed_once_its_file_is_old_enough(settings):
    assert [stage for stage, _ in reasons(settings)] == ["cycle", "reconciliation"]
    os.utime(settings.pipelines_dir / f"{NAME}.yaml", (0, (NOW - timedelta(minutes=20)).timestamp()))
    assert reasons(settings) == []


def test_old_data_and_old_labels_are_noticed_by_their_own_limits(settings):
    _, session = open_pipeline(NAME, None, "r", settings)
    old, new = (pd.Timestamp(NOW - timedelta(days=days)) for days in (30, 1))
    rows = [("events", 5, old, old), ("labels", 5, None, new), ("events", 0, new, new)]
    frame = pd.DataFrame(rows, columns=["kind", "accepted", "last_event", "_ingested_at"])
    for name in ("last_event", "_ingested_at"):
        frame[name] = pd.to_datetime(frame[name], utc=True).astype("datetime64[us, UTC]")
    session.store.append("batches", frame, "x")
    os.utime(settings.pipelines_dir / f"{NAME}.yaml", (0, NOW.timestamp()))
    assert reasons(settings, data="40d", labels="2d") == []
    assert [stage for stage, _ in reasons(settings, data="20d", labels="12h", model="1d")] == [
        "model",
        "data",
        "labels",
    ]


def test_a_store_that_does_not_answer_is_not_alive(settings):
    (settings.home / "control.db").mkdir()
    ((stage, _),) = reasons(settings)
    assert stage == "store"


@pytest.mark.parametrize(("answers", "said"), [((0, 0), "scheduler"), ((5, 2), "worker"), ((5, 0), None),
                                               (None, "scheduler")])  # fmt: skip
def test_prefects_own_answers_are_asked_for_where_it_is_known(settings, monkeypatch, answers, said):
    finish(settings, "cycle", NOW - timedelta(days=9))
    finish(settings, "reconciliation", NOW)
    left = list(answers or ())

    class Api(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200 if left else 503)
            self.end_headers()
            self.wfile.write(str(left.pop(0) if left else "down").encode())

        def log_message(self, *_):
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        known = Settings(home=settings.home, pipelines_dir=settings.pipelines_dir,
                         PREFECT_API_URL=f"http://127.0.0.1:{server.server_port}/api")  # fmt: skip
        assert [stage for stage, _ in reasons(known)] == ([said] if said else [])
    finally:
        server.shutdown()
        server.server_close()


def test_the_command_says_why_and_exits_with_one(settings):
    given = {"KEEPFIT_PIPELINES_DIR": str(settings.pipelines_dir)}
    done = keepfit("heartbeat", home=settings.home, **given)
    assert done.returncode == 1
    assert "error: not everything is alive\nsubscriptions: cycle: never" in done.stderr
    finish(settings, "cycle", datetime.now(UTC))
    finish(settings, "reconciliation", datetime.now(UTC))
    assert keepfit("heartbeat", "-q", home=settings.home, **given).returncode == 0
    with pytest.raises(ConfigInvalid, match="write SIGN=DURATION"):
        _limits(["data=soon"])


@pytest.mark.parametrize(("schedule", "slot"), [
    (Schedule(every="1h"), NOW - timedelta(hours=2)),
    (Schedule(cron="0 6 * * *"), datetime(2025, 5, 9, 6, tzinfo=UTC)),
    (Schedule(cron="0 6 * * *", timezone="Europe/Berlin"), datetime(2025, 5, 9, 4, tzinfo=UTC)),
    (Schedule(cron="0 6 1 * *"), datetime(2025, 4, 1, 6, tzinfo=UTC)),
    (Schedule(every="1h", active=False), None),
])  # fmt: skip
def test_the_slot_before_the_last_is_where_two_were_missed(schedule, slot):
    assert slot_before_last(schedule, NOW) == slot
