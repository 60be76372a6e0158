"""Leases: one live holder per name, tokens only grow, and who was paused or killed does not publish."""

import os
import pickle
import signal
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier, Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.adapters.leases import Lease, Leases
from tasks.core.errors import LeaseLost, ServerUnavailable, StoreConflict
from tests.tasks.adapters.processes import run_all, start


@pytest.fixture
def url(tmp_path) -> str:
    return f"sqlite:///{tmp_path}/leases.db"


def expire(url: str, name: str) -> None:
    """Let time pass for one lease, without waiting."""
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        connection.execute("UPDATE keepfit_leases SET expires_at = ? WHERE name = ?", (time.time() - 1, name))


def test_one_live_holder_at_a_time(url):
    leases = Leases(url)
    lease = leases.acquire("training/p", "a", 60)
    assert lease is not None
    assert leases.acquire("training/p", "b", 60) is None
    assert leases.holder("training/p") == lease
    assert leases.acquire("training/q", "b", 60) is not None
    assert [live.name for live in leases.live()] == ["training/p", "training/q"]
    leases.check(lease)
    leases.release(lease)
    assert leases.holder("training/p") is None
    with pytest.raises(LeaseLost):
        leases.check(lease)


def test_the_token_fences_off_the_earlier_holder(url):
    leases = Leases(url)
    old = leases.acquire("n", "a", 60)
    expire(url, "n")
    with pytest.raises(LeaseLost, match="it expired"):
        leases.check(old)
    with pytest.raises(LeaseLost):
        leases.renew(old, 60)
    new = leases.acquire("n", "b", 60)
    assert new.token > old.token
    with pytest.raises(LeaseLost, match="b holds it now"):
        leases.check(old)
    leases.release(old)
    leases.check(new)


def test_a_holder_that_starts_again_gets_a_new_token(url):
    leases = Leases(url)
    first, second = leases.acquire("n", "a", 60), leases.acquire("n", "a", 60)
    assert second.token == first.token + 1
    with pytest.raises(LeaseLost):
        leases.check(first)


def test_renewing_moves_the_end(url):
    leases = Leases(url)
    lease = leases.acquire("n", "a", 5)
    assert leases.renew(lease, 500).expires_at > lease.expires_at
    assert leases.holder("n").expires_at > lease.expires_at
    leases.check(lease)


ACTIONS = st.lists(
    st.tuples(st.sampled_from(["acquire", "expire", "release", "check"]), st.integers(0, 2)), max_size=14
)


@settings(max_examples=30, deadline=None)
@given(ACTIONS)
def test_only_the_newest_token_ever_passes_the_check(tmp_path_factory, actions):
    url = f"sqlite:///{tmp_path_factory.mktemp('leases')}/l.db"
    leases, held, tokens, current = Leases(url), {}, [], None
    for action, who in actions:
        if action == "acquire":
            lease = leases.acquire("n", f"h{who}", 60)
            assert (lease is None) == (current is not None and current.holder != f"h{who}")
            if lease is not None:
                held[who] = current = lease
                tokens.append(lease.token)
        elif action == "expire" and current is not None:
            expire(url, "n")
            current = None
        elif action == "release" and who in held:
            leases.release(held[who])
            current = None if current == held[who] else current
        elif action == "check" and who in held:
            assert passes(leases, held[who]) == (held[who] == current)
    assert tokens == sorted(set(tokens))


def passes(leases: Leases, lease: Lease) -> bool:
    try:
        leases.check(lease)
    except LeaseLost:
        return False
    return True


def test_hold_names_the_holder_and_ends_with_the_block(url):
    leases = Leases(url)
    with leases.hold("scoring/p", "run-1") as lease:
        leases.check(lease)
        with pytest.raises(StoreConflict, match="held by run-1 until"), leases.hold("scoring/p", "run-2"):
            pass
    with leases.hold("scoring/p", "run-2") as lease:
        assert lease.token == 2
    with pytest.raises(ZeroDivisionError), leases.hold("scoring/p", "run-3"):
        _ = 1 / 0
    assert leases.live() == []


def test_hold_renews_while_the_block_runs(url):
    leases = Leases(url)
    with leases.hold("n", "a", seconds=0.9) as lease:
        end = time.monotonic() + 10
        while leases.holder("n").expires_at <= lease.expires_at and time.monotonic() < end:
            time.sleep(0.05)  # polls the renewing thread; the assertion below does not depend on the pause
        assert leases.holder("n").expires_at > lease.expires_at


def test_threads_race_for_one_lease(url):
    leases, barrier, won = Leases(url), Barrier(8), []

    def race(number: int) -> None:
        barrier.wait()
        won.append(leases.acquire("n", f"thread-{number}", 60))

    threads = [Thread(target=race, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 8
    assert sum(lease is not None for lease in won) == 1


def sleep_holding(url: str, out: str) -> None:
    """Take a long lease and keep it until killed."""
    Leases(url).acquire("n", "victim", 600)
    Path(out).touch()
    signal.pause()


def test_the_lease_of_a_killed_process_is_free_at_once(url, tmp_path):
    process, held = start(sleep_holding, url, str(tmp_path / "held")), tmp_path / "held"
    assert process.pid is not None
    until(held.exists)
    leases = Leases(url)
    assert leases.acquire("n", "successor", 60) is None
    assert [lease.holder for lease in leases.live()] == ["victim"]
    os.kill(process.pid, signal.SIGKILL)
    process.join(20)
    assert leases.live() == []
    successor = leases.acquire("n", "successor", 60)
    assert successor is not None
    assert successor.token == 2


def until(condition) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)  # polls; nothing is concluded from the time that passes


def elsewhere(url: str) -> Lease:
    """A lease of a process on another machine, of which nothing can be told from here."""
    lease = Leases(url).acquire("n", "far", 60)
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        connection.execute("UPDATE keepfit_leases SET process = 'another-machine 1 1'")
    assert lease is not None
    return lease


def test_a_silent_holder_elsewhere_is_waited_out(url):
    elsewhere(url)
    told = []

    def time_passes(message: str) -> None:
        told.append(message)
        expire(url, "n")

    with Leases(url).hold("n", "near", waiting=time_passes) as lease:
        assert lease.token == 2
    assert len(told) == 1
    assert "held by far until" in told[0]


def test_a_holder_elsewhere_that_renews_is_at_work(url):
    far = elsewhere(url)
    waiting = lambda _message: Leases(url).renew(far, 600)  # noqa: E731
    with pytest.raises(StoreConflict, match="held by far until"), Leases(url).hold("n", "near", waiting=waiting):
        pass
    Leases(url).check(far)


def test_who_works_on_this_machine_is_not_waited_for(url):
    told = []
    with Leases(url).hold("n", "a"), pytest.raises(StoreConflict), Leases(url).hold("n", "b", waiting=told.append):
        pass
    assert told == []


RACERS = 6


def race_for(url: str, out: str, number: int) -> None:
    leases = Leases(url)
    for turn in range(10):
        lease = leases.acquire(f"turn-{turn}", f"process-{number}", 60)
        if lease is not None:
            Path(out, f"{turn}.{number}").touch()
    Path(out, f"done.{number}").touch()
    while len(list(Path(out).glob("done.*"))) < RACERS:
        time.sleep(0.02)  # the lease of a process that has ended is free at once, so all stay until all have raced


def test_processes_race_for_leases_on_an_empty_database(url, tmp_path):
    out = tmp_path / "won"
    out.mkdir()
    assert run_all(race_for, [(url, str(out), number) for number in range(RACERS)]) == [0] * RACERS
    assert sorted(path.stem for path in out.iterdir() if path.stem != "done") == sorted(str(turn) for turn in range(10))


def hold_and_stop(url: str, out: str) -> None:
    """Take a short lease, be paused, then try to publish."""
    leases = Leases(url)
    with leases.hold("n", "paused", seconds=1) as lease:
        os.kill(os.getpid(), signal.SIGSTOP)
        try:
            leases.check(lease)
            Path(out).write_text("published")
        except LeaseLost:
            Path(out).write_text("refused")


def test_a_paused_holder_that_comes_back_does_not_publish(url, tmp_path):
    process = start(hold_and_stop, url, str(tmp_path / "out"))
    assert process.pid is not None
    assert stopped(process.pid)
    leases, told = Leases(url), []
    with leases.hold("n", "successor", waiting=told.append) as successor:
        assert len(told) == 1, "the pause was waited out: a stopped process is not a dead one"
        os.kill(process.pid, signal.SIGCONT)
        process.join(30)
        assert (tmp_path / "out").read_text() == "refused"
        leases.check(successor)


def stopped(pid: int) -> bool:
    """Wait until /proc shows the pause (the fork server is the parent, so waitpid is not ours)."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T":
            return True
        time.sleep(0.02)
    return False


def test_times_are_utc_and_the_file_is_private(url):
    leases = Leases(url)
    lease = leases.acquire("n", "a", 60)
    assert 0 < (lease.expires_at - datetime.now(UTC)).total_seconds() <= 60
    assert Path(url.removeprefix("sqlite:///")).stat().st_mode & 0o077 == 0


def test_a_database_that_does_not_answer_is_not_a_free_lease(tmp_path):
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"no database at all" * 100)
    with pytest.raises(ServerUnavailable, match="lease database"):
        Leases(f"sqlite:///{broken}").acquire("n", "a", 60)


def test_what_is_open_crosses_to_no_other_process(url):
    leases = Leases(url)
    lease = leases.acquire("training/x", "a", 60)
    elsewhere = pickle.loads(pickle.dumps(leases))  # noqa: S301 - our own bytes of this moment
    assert vars(elsewhere) == {"url": leases.url}
    assert elsewhere.live() == [lease]


def test_a_database_that_is_gone_under_a_run_lets_nothing_be_published(url):
    leases = Leases(url)
    lease = leases.acquire("n", "a", 60)
    for path in Path(url.removeprefix("sqlite:///")).parent.iterdir():
        path.unlink()
    with pytest.raises(ServerUnavailable, match="lease database"):
        leases.check(lease)
    other = Leases(url).acquire("n", "b", 60)
    assert other is not None
    assert other.token == lease.token, "the tokens begin anew"
    with pytest.raises(LeaseLost):
        leases.check(lease)
    with pytest.raises(LeaseLost):
        leases.renew(lease, 60)
    leases.release(lease)
    Leases(url).check(other)
