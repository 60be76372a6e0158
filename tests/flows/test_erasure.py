"""The erasure flow and what was answered online: what waits in the log, is damaged, or is still being written to."""

from datetime import UTC, datetime

import orjson
import pytest

from benchmarks.ground import PIPELINE, SECOND
from config.load import load_pipeline
from config.settings import load_settings
from flows.erasure import erasure_flow
from tasks import erasure
from tasks.adapters import answers, erasure_requests
from tasks.core.batches import row_id_of
from tasks.core.errors import InvariantBroken
from tasks.core.online import Answer, log_line
from tasks.core.privacy.erasure import digest_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
WHO, OTHER = "person-0042", "person-0043"
NOW = datetime(2024, 3, 30, tzinfo=UTC)


@pytest.fixture
def ground(whole, monkeypatch):
    monkeypatch.setenv("KEEPFIT_PRIVACY_KEYS", "k1:" + "s" * 32)
    with whole.inside():
        whole.restore("whole")
        yield whole


def answered(ground, *who: str) -> answers.AnswerLog:
    """The log of a server that has answered these people, still open."""
    columns = load_pipeline(PIPELINE, load_settings()).columns
    log = answers.AnswerLog(answers.folder_of(ground.home, PIPELINE), durable=False)
    for name in who:
        row = [{"id": name, "when": NOW.isoformat(), "x": 0.5, "z": 0.5}[column.name] for column in columns]
        one = Answer(f"a-{name}", row_id_of(name), NOW, 0.5, None, None, row, 1)
        log.write(orjson.dumps(log_line([one], columns, 1, NOW)))
    return log


def erase(ground) -> str:
    session = ground.session(SECOND)
    digest = digest_of(WHO, session.keys)
    erasure_requests.request(session.store, digest, WHO)
    with ground.run():
        return erasure_flow.fn(PIPELINE, digest)


def held(ground) -> str:
    """Every byte of what a server left for the flows."""
    folder = answers.folder_of(ground.home, PIPELINE)
    return "".join(path.read_text("utf-8") for path in folder.rglob("*.log"))


def test_answers_that_wait_in_the_log_go_with_the_person(ground):
    answered(ground, WHO, OTHER).close()
    assert WHO in held(ground)
    assert "no trace" in erase(ground)
    assert WHO not in held(ground)
    store = ground.session(SECOND).store
    assert store.read("requests")["id"].tolist() == [OTHER]
    assert row_id_of(WHO) not in set(store.read("predictions")["_row_id"])


def test_a_damaged_file_that_speaks_of_the_person_goes_and_another_stays(ground):
    for name in (WHO, OTHER):
        log = answered(ground, name)
        log.write(b"torn later")
        log.close()
        (path,) = (answers.folder_of(ground.home, PIPELINE) / "closed").glob("*.log")
        path.write_bytes(path.read_bytes().replace(b"torn later", b"torn LATER"))
        with answers.taking(answers.folder_of(ground.home, PIPELINE)) as (group,):
            answers.drop(group, keep=True)
    erase(ground)
    assert WHO not in held(ground)
    assert OTHER in held(ground)


def test_while_a_server_still_writes_of_the_person_the_erasure_is_not_over(ground):
    log = answered(ground, WHO)
    with pytest.raises(InvariantBroken, match=r"open/.*Run the erasure again"):
        erase(ground)
    assert ground.session(SECOND).journal.entries("erasure") == []
    log.turn()
    assert "no trace" in erase(ground)
    assert WHO not in held(ground)
    log.close()


def test_the_proof_looks_into_the_log_as_well(ground):
    erase(ground)
    config, session = load_pipeline(PIPELINE, load_settings()), ground.session(SECOND)
    traces = erasure.traces_of(session, WHO, config.columns, config.privacy.subject, config.labels)
    assert "no trace" in erasure.proof(session, WHO, traces, ground.home)
    answered(ground, WHO).close()
    with pytest.raises(InvariantBroken, match="closed/"):
        erasure.proof(session, WHO, traces, ground.home)
