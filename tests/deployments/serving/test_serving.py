"""The real server on the real registry: what it answers, what it refuses, whom it follows, and what it writes down."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import httpx
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import ipc

from benchmarks.ground import PIPELINE, SECOND, START, prepare, rows
from benchmarks.serving_world import HEADERS, Served, environment_of, mlflow, server, wait_until
from config.load import load_pipeline
from config.settings import PROJECT, load_settings
from flows import promotion, scoring
from tasks import online, reconciliation
from tasks.adapters import answers as log
from tasks.adapters import labelled, registry
from tasks.core.results import Window
from tasks.verification import verify_invariants

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    prepared = prepare(tmp_path_factory.mktemp("ground"))
    with prepared.inside():
        prepared.restore("whole")
        yield prepared


@pytest.fixture(scope="module")
def tracking(ground):
    with mlflow(ground) as (url, process):
        yield url, process


@pytest.fixture(scope="module")
def served(ground, tracking):
    with server(ground, tracking[0]) as running:
        yield running


def take_up(ground):
    config = load_pipeline(PIPELINE, load_settings())
    return online.take_up_answers.fn(ground.session(SECOND), config.columns, config.suite.protection, ground.home)


def test_it_answers_what_batch_scoring_says_of_the_same_rows(ground, served: Served):
    told = rows().tail(50)
    asked = [{"id": row["_row_id"], "x": row["x"], "z": row["z"], "when": row["_event_time"].isoformat()}
             for row in told.to_dict("records")]  # fmt: skip
    stored = ground.session(SECOND).store
    with ground.run():
        scoring.scoring_flow.fn(PIPELINE, SECOND)
    predicted = stored.read("predictions").set_index("_row_id")["prediction"]
    ids = stored.read("events", ["id", "_row_id"]).set_index("id")["_row_id"]
    expected = predicted[ids[told["_row_id"]]].to_numpy()
    many = served.client.post(f"/{PIPELINE}/predict/batch", json={"rows": asked}).json()
    assert many["model_version"] == 1
    np.testing.assert_allclose([one["score"] for one in many["answers"]], expected, rtol=0, atol=1e-12)
    single = served.client.post(f"/{PIPELINE}/predict", json=asked[0]).json()
    assert single["score"] == pytest.approx(expected[0], abs=1e-12)
    assert single["prediction"] == float(single["score"] >= 0.5)
    table = pa.Table.from_pylist([row | {"when": pd.Timestamp(row["when"])} for row in asked])
    sink = pa.BufferOutputStream()
    with ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    kind = {"content-type": "application/vnd.apache.arrow.stream"}
    answered = served.client.post(f"/{PIPELINE}/predict/batch", content=sink.getvalue().to_pybytes(), headers=kind)
    found = ipc.open_stream(answered.content).read_all()
    np.testing.assert_allclose(found["score"].to_numpy(), expected, rtol=0, atol=1e-12)
    sink = pa.BufferOutputStream()
    with ipc.new_stream(sink, table.schema, options=ipc.IpcWriteOptions(compression="zstd")) as stream:
        stream.write_table(table)
    bomb = served.client.post(f"/{PIPELINE}/predict/batch", content=sink.getvalue().to_pybytes(), headers=kind)
    assert (bomb.status_code, "compress" in bomb.text) == (422, True)


def test_without_the_token_every_page_but_health_is_refused(served: Served):
    pages = [*served.client.get("/openapi.json").json()["paths"], "/openapi.json", "/docs", "/", "/nothing", "//health"]
    assert {"/ready", "/metrics", f"/{PIPELINE}/predict"} < set(pages)
    for given in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": HEADERS["Authorization"].lower()},
                  {"Authorization": HEADERS["Authorization"] + "x"}):  # fmt: skip
        for method in ("GET", "POST", "PUT", "OPTIONS"):
            found = {page: httpx.request(method, served.url + page, headers=given, trust_env=False).status_code
                     for page in pages if page != "/health"}  # fmt: skip
            assert set(found.values()) == {401}, found
    health = httpx.get(served.url + "/health", trust_env=False)
    assert (health.status_code, health.headers["x-content-type-options"]) == (200, "nosniff")
    assert "server" not in health.headers


def test_errors_say_what_is_wrong_and_nothing_of_what_was_sent(served: Served):
    secret = "S3CRET"  # noqa: S105 - a value that must not come back
    for body in ({"x": secret}, {secret: 1}, {"id": secret, "x": [secret]}, {"id": "\u202e" + secret}):
        answer = served.one(**body)
        assert answer.status_code == 422
        assert secret not in answer.text
        assert answer.json()["details"][0]["told"]
    post = served.client.post
    kind = {"content-type": "application/json"}
    broken = post(f"/{PIPELINE}/predict", content=b"{" + secret.encode(), headers=kind)
    assert (broken.status_code, secret in broken.text) == (422, False)
    assert post(f"/{PIPELINE}/predict", content=b"x=1").status_code == 415
    assert post(f"/{PIPELINE}/predict/batch", json={"rows": []}).status_code == 422
    assert post(f"/{PIPELINE}/predict/batch", json={"rows": [{"id": "a", "x": 1, "z": 1}] * 1001}).status_code == 422
    big = post(f"/{PIPELINE}/predict/batch", content=b" " * 5_000_001, headers=kind)
    assert big.status_code == 413
    assert post(f"/{PIPELINE}/predict/{secret}").status_code == 404
    assert served.one(when="1969-01-01T00:00:00Z").status_code == 422
    assert served.one().status_code == 200


def test_a_value_outside_of_the_training_data_is_marked_and_what_the_model_cannot_take_has_a_reason(served: Served):
    assert served.one(x=0.1).json()["outside"] == []
    assert served.one(x=1e6).json()["outside"] == ["x"]
    assert served.one(x=None).json()["outside"] == []
    refused = served.one(x=1e308, z=-1e308).json()
    assert (refused["score"] is None) == (refused["reason"] is not None)
    page = served.client.get("/metrics").text
    assert f'keepfit_version{{pipeline="{PIPELINE}"}} 1.0' in page
    assert f'keepfit_requests_total{{pipeline="{PIPELINE}",status="200"}}' in page


def test_answers_stand_in_the_tables_once_also_after_a_kill_and_a_repeated_taking(ground, tracking, monkeypatch):
    with server(ground, tracking[0]) as running:
        given = [running.one(id=f"new{n}", x=float(n) / 9, when="2024-03-30T00:00:00Z").json() for n in range(9)]
        running.process.send_signal(signal.SIGKILL)
        running.process.wait(10)
    store = ground.session(SECOND).store
    append = type(store).append

    def dying(self, table, *rest, **more):
        append(self, table, *rest, **more)
        if table == "predictions":
            raise SystemExit  # after the commit, before the group is removed

    with monkeypatch.context() as patched:
        patched.setattr(type(store), "append", dying)
        with pytest.raises(SystemExit):
            take_up(ground)
    take_up(ground)
    assert take_up(ground) == 0
    found = store.read("predictions")
    mine = found[found["_answer_id"].isin([one["answer_id"] for one in given])]
    assert sorted(mine["prediction"]) == sorted(one["score"] for one in given)
    assert sorted(mine["_row_id"]) == sorted(one["row_id"] for one in given)
    assert store.read("requests")["id"].isin([f"new{n}" for n in range(9)]).sum() == 9
    check = next(one for one in verify_invariants.fn(ground.session(SECOND)) if one.name.startswith("I5"))
    assert check.passed, check.reason
    day = Window(START, SECOND)
    seen = labelled.predictions_in(store, 1, day, SECOND)
    assert seen["_row_id"].is_unique
    assert set(mine["_row_id"]) <= set(seen["_row_id"])
    assert len(labelled.with_features(store, seen[seen["_row_id"].isin(mine["_row_id"])], ["x", "z"])) == 9
    store.append("predictions", mine.assign(_batch_id="online-again"), "again")
    assert not next(one for one in verify_invariants.fn(ground.session(SECOND)) if one.name.startswith("I5")).passed


def test_it_follows_promotions_and_rollbacks_and_outlives_mlflow(ground, tracking, served: Served):
    with ground.run():
        assert promotion.promotion_flow.fn(PIPELINE, 2, SECOND)[0] == "promoted"
    wait_until(lambda: served.ready()["version"] == 2, 15)
    registry.move_alias(PIPELINE, registry.CHAMPION, 1)  # by hand, without a receipt
    wait_until(lambda: "receipts" in served.ready()["why"], 15)
    assert served.one().json()["model_version"] == 2
    registry.move_alias(PIPELINE, registry.CHAMPION, 2)
    os.killpg(tracking[1].pid, signal.SIGSTOP)
    try:
        wait_until(lambda: not served.ready()["mlflow_answers"], 30)
        assert served.one().json()["model_version"] == 2
        told = taken_back(ground, tracking[0])  # MLflow hangs, and of Prefect there is no server at all
        assert told.startswith("Version 1 is champion again; version 2 stepped down. MLflow does not answer")
        wait_until(lambda: served.ready()["version"] == 1, 60)
        with server(ground, tracking[0]) as again:
            assert again.ready()["version"] == 1
    finally:
        os.killpg(tracking[1].pid, signal.SIGCONT)
    wait_until(lambda: served.ready()["mlflow_answers"], 30)
    assert served.ready()["version"] == 1
    with ground.run():
        reconciliation.reconcile.fn(ground.session(SECOND))
    wait_until(lambda: served.ready()["why"] == "", 15)
    assert registry.champion_of(PIPELINE).number == served.ready()["version"] == 1


def taken_back(ground, mlflow_url):
    """`keepfit rollback` as a person runs it: at most ten seconds, on a machine so slow as this one is just now."""
    environment = environment_of(ground, MLFLOW_TRACKING_URI=mlflow_url)

    def seconds(*command):
        began = time.monotonic()
        ran = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=200,
                             check=True)  # fmt: skip
        return time.monotonic() - began, ran.stdout

    bare, _ = seconds(sys.executable, "-c", "import mlflow")
    took, told = seconds(sys.executable, "-m", "deployments.cli", "rollback", PIPELINE, "--why", "because")
    assert took < max(10, 5 * bare), f"{took:.1f} s, and `import mlflow` {bare:.1f} s"
    return told


def test_the_log_sets_a_damaged_line_aside_and_drops_a_torn_end(tmp_path):
    written = log.AnswerLog(tmp_path, durable=True)
    for number in range(3):
        written.write(json.dumps(number).encode())
    with log.taking(tmp_path) as groups:
        assert groups == [], "a file that is being written is not taken"
    written.close()
    (path,) = (tmp_path / "closed").glob("*.log")
    content = path.read_bytes()
    path.write_bytes(content[:10].replace(b"0\n", b"9\n")[:9] + b"7" + content[10:] + b"torn")
    with log.taking(tmp_path) as (group,):
        assert log.lines_of(group) == ([b"1", b"2"], 1)
        with log.taking(tmp_path) as others:
            assert others == [], "one process at a time"
        log.drop(group, keep=True)
    assert (tmp_path / "damaged" / group.name).is_dir()


def test_a_disk_that_refuses_a_new_file_costs_no_answer_and_the_log_is_closed_later(ground, served: Served):
    folder = log.folder_of(ground.home, PIPELINE)
    aside = folder.with_name("aside")
    (folder / "closed").rename(aside)
    try:
        given = [served.one(id=f"full{number}", x=0.5, when="2024-03-30T00:00:00Z").json() for number in range(3)]
        told = "the log of answers cannot be kept: No such file"
        wait_until(lambda: told in (ground.folder / "serve.log").read_text("utf-8"), 15)
        assert "no answer is taken up: No such file" in served.ready()["log_fault"]
        assert f'keepfit_log_kept{{pipeline="{PIPELINE}"}} 0.0' in served.client.get("/metrics").text
        given.append(served.one(id="full3", x=0.5, when="2024-03-30T00:00:00Z").json())
    finally:
        aside.rename(folder / "closed")
    wait_until(lambda: served.ready()["log_fault"] == "", 15)
    assert f'keepfit_log_kept{{pipeline="{PIPELINE}"}} 1.0' in served.client.get("/metrics").text

    def all_are_taken_up():
        take_up(ground)
        found = ground.session(SECOND).store.read("predictions")
        return "_answer_id" in found and found["_answer_id"].isin([one["answer_id"] for one in given]).sum() == 4

    wait_until(all_are_taken_up, 30)


def test_whatever_the_openapi_page_allows_or_forbids_the_server_never_fails(served: Served):
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{served.url}/openapi.json", "--max-examples", "12",
               "--header", f"Authorization: {HEADERS['Authorization']}", "--seed", "7", "--no-color", "--checks",
               "not_a_server_error,response_schema_conformance,content_type_conformance",
               "--phases", "examples,coverage,fuzzing"]  # fmt: skip
    before = served.client.get("/metrics").text
    ran = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False, cwd=PROJECT)
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-2000:]
    statuses = re.findall(r'keepfit_requests_total\{pipeline="p",status="(\d+)"\}', served.client.get("/metrics").text)
    assert {"200", "422"} <= set(statuses), before
    assert not [status for status in statuses if status >= "500"]
