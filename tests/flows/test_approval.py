"""What passes in mode `approve` waits in the journal, and people's answers count only while what was judged stands.

Real registry, store, journal and leases (benchmarks.ground); the flows' own code, without Prefect around it.
"""

import contextlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from benchmarks.ground import PIPELINE, SECOND
from flows import approval as flow
from flows import monitoring, promotion
from tasks import session
from tasks.adapters import registry
from tasks.adapters.journal import Journal
from tasks.adapters.store import Store
from tasks.core.errors import ApprovalRefused, InvariantBroken, NotFound
from tasks.reconciliation import reconcile
from tests.flows.faults import each_failure
from tests.tasks.test_promotion import registered_file

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

WEDNESDAY = datetime(2026, 11, 25, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def governed(ground, text):
    path = ground.home / f"{PIPELINE}.yaml"
    path.write_text(path.read_text("utf-8").replace("governor: {", f"governor: {{{text}, "), "utf-8")


@pytest.fixture(scope="module")
def prepared(whole):
    """Version 2, better than champion 1, was proposed; once by the rule of four eyes."""
    ground = whole
    with ground.inside(), ground.run():
        for kept, eyes in (("proposed", "false"), ("four eyes", "true")):
            ground.restore("whole")
            freeze = "{begins: Fri 16:00, ends: Mon 08:00, timezone: Europe/Berlin}"
            governed(ground, f"mode: approve, approval: {{expires: 20d, four_eyes: {eyes}, freeze: [{freeze}]}}")
            told = promotion.promotion_flow.fn(PIPELINE, 2, SECOND)
            assert told == ("proposed", "every gate passed; people have to approve it")
            ground.keep(kept)
    return ground


@pytest.fixture
def clock(monkeypatch):
    """The moment that it is: real entries are written by it, so that it may only be set forward."""
    held = [max(WEDNESDAY, session.wall_clock())]
    held[0] = next(now for n in range(8) if (now := held[0] + n * DAY).weekday() == 2)
    monkeypatch.setattr(session.Session, "now", property(lambda _: held[0]))
    return held


@pytest.fixture
def ground(prepared, clock):
    with prepared.inside():
        prepared.restore("proposed")
        yield prepared


def answer(ground, answered="approve", who="Ada", why="a drill", digest="", decision=None):
    with ground.run():
        return flow.approval_flow.fn(PIPELINE, decision or number(ground), who, why, answered, digest)


def number(ground):
    return str(next(e.sequence for e in journal(ground) if e.decision.outcome == "proposed"))


def journal(ground):
    return ground.session(SECOND).journal.entries()


def outcomes(ground):
    return [e.decision.outcome for e in journal(ground) if e.decision.kind in {"promotion", "approval"}]


def refused(ground, rule, **given):
    with pytest.raises(ApprovalRefused, match=f"{rule}: "):
        answer(ground, **given)
    last = journal(ground)[-1].decision
    assert last.evidence["rule"] == rule
    assert registry.champion_of(PIPELINE).number == 1
    return last.outcome


def test_until_people_approve_no_alias_moves_and_then_the_judged_version_is_champion_with_its_receipt(ground):
    assert registry.aliases(PIPELINE) == {"champion": 1, "candidate": 2}
    proposal = next(e.decision for e in journal(ground) if e.decision.outcome == "proposed")
    assert answer(ground, digest=proposal.evidence["digest"][:12])[0] == "promoted"
    assert registry.aliases(PIPELINE) == {"champion": 2, "previous": 1, "candidate": 2}
    receipt = journal(ground)[-1].decision
    assert (receipt.kind, receipt.evidence["who"], receipt.evidence["why"]) == ("promotion", "Ada", "a drill")
    for kept in ("version", "sha256", "replaces", "rows", "gates", "digest"):
        assert receipt.evidence[kept] == proposal.evidence[kept]
    assert registry.version_of(PIPELINE, 2).tags["keepfit.decision"] == "promoted"


def test_a_second_use_is_refused_and_changes_nothing(ground):
    answer(ground)
    before = registry.aliases(PIPELINE)
    for who in ("Ada", "Bob"):
        with pytest.raises(ApprovalRefused, match="used: the proposal ended as promoted"):
            answer(ground, who=who)
    assert registry.aliases(PIPELINE) == before
    assert outcomes(ground).count("promoted") == 2, "the first champion's, and this one"


def test_a_refusal_ends_the_proposal(ground):
    assert answer(ground, "refuse", why="the data are odd") == ("declined", "Ada: the data are odd")
    assert refused(ground, "used") == "denied"


def test_silence_ends_it_as_a_refusal_and_the_journal_says_so(ground, clock):
    clock[0] += 21 * DAY
    with ground.run():
        reconcile.fn(ground.session(SECOND))
        reconcile.fn(ground.session(SECOND))
    assert outcomes(ground).count("expired") == 1
    assert any("that is a refusal" in alert for alert in ground.alerts)
    assert refused(ground, "used") == "denied"


def test_an_answer_that_comes_too_late_is_refused_though_no_repair_has_run_since(ground, clock, monkeypatch):
    clock[0] += 20 * DAY
    monkeypatch.setattr(flow, "reconcile", lambda _: None)
    assert refused(ground, "expired") == "denied"


def test_inside_a_freeze_it_is_refused_and_after_it_the_same_proposal_is_approved(ground, clock):
    clock[0] = clock[0].replace(hour=17, minute=30) + 2 * DAY
    assert refused(ground, "freeze") == "denied"
    clock[0] += 3 * DAY - 8 * timedelta(hours=1)
    assert answer(ground)[0] == "promoted"


def test_one_changed_byte_of_the_file_voids_the_proposal_for_good(ground):
    path = registered_file(registry.version_of(PIPELINE, 2))
    content = path.read_bytes()
    try:
        path.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
        assert refused(ground, "artefact_changed") == "void"
    finally:
        path.write_bytes(content)
    assert refused(ground, "used") == "denied"


def test_an_alias_that_was_moved_by_hand_voids_it(ground):
    registry.move_alias(PIPELINE, "champion", 2)
    assert refused(ground, "alias_moved") == "void", "and the repair has put the alias back"


def test_a_newer_champion_voids_it(ground):
    ground.restore("proposed")
    other = ground.session(SECOND)
    receipt = next(e.decision for e in journal(ground) if e.decision.outcome == "promoted")
    other.record(replace(receipt, key="another promotion of version 1"))
    assert refused(ground, "champion_changed") == "void"


def test_a_newer_judgement_of_the_same_version_voids_the_older_one(ground):
    with ground.run():
        promotion.promotion_flow.fn(PIPELINE, 2, SECOND + timedelta(hours=1))
    assert refused(ground, "superseded") == "void"
    assert answer(ground, decision=str(max(e.sequence for e in journal(ground) if e.decision.outcome == "proposed")))


def test_changed_rows_behind_the_version_void_it(ground, monkeypatch):
    real = Store.read_snapshot

    def changed(store, snapshot):
        return real(store, replace(snapshot, digest="0" * 64))

    monkeypatch.setattr(Store, "read_snapshot", changed)
    assert refused(ground, "evidence_changed") == "void"


def test_another_digest_than_the_one_that_was_read_is_refused(ground):
    assert refused(ground, "evidence_changed", digest="f" * 12) == "void"


def test_a_journal_that_somebody_edited_approves_nothing(ground, monkeypatch):
    monkeypatch.setattr(Journal, "verify", lambda _: ["Entry 3 was changed."])
    with pytest.raises(InvariantBroken, match="Entry 3 was changed"):
        answer(ground)
    assert registry.champion_of(PIPELINE).number == 1


def test_what_is_no_proposal_cannot_be_approved(ground):
    assert refused(ground, "not_a_proposal", decision="1") == "denied"
    with pytest.raises(NotFound):
        answer(ground, decision="999")


def test_four_eyes_are_two_peoples(ground):
    ground.restore("four eyes")
    assert answer(ground)[0] == "approved once"
    assert registry.champion_of(PIPELINE).number == 1
    assert refused(ground, "same_person", who=" ADA ") == "denied"
    outcome, reason = answer(ground, who="Bob")
    assert (outcome, reason) == ("promoted", "approved by Ada and Bob: a drill")
    assert registry.champion_of(PIPELINE).number == 2


@pytest.mark.parametrize("mode", ["for good", "answer lost"])
@pytest.mark.parametrize("vendor", ["registry", "journal"])
def test_whatever_fails_in_between_nothing_moves_without_its_receipt_and_the_next_run_ends_it(ground, vendor, mode):
    def approve():
        flow.approval_flow.fn(PIPELINE, number(ground), "Ada", "a drill", "approve", "")

    step = {"registry": 5, "journal": 25}[vendor]
    for injection in each_failure(ground, "proposed", vendor, mode, approve, step=step):
        champion, receipts = registry.champion_of(PIPELINE).number, outcomes(ground).count("promoted")
        assert champion == 1 or receipts == 2, f"{injection.where}: an alias without a receipt"
        with contextlib.suppress(ApprovalRefused):
            answer(ground)
        with ground.run():
            reconcile.fn(ground.session(SECOND))
        assert registry.champion_of(PIPELINE).number == 2, injection.where
        assert outcomes(ground).count("promoted") == 2


def test_in_an_automatic_pipeline_a_freeze_makes_a_proposal_of_what_passes(ground, clock):
    ground.restore("whole")
    governed(ground, "approval: {freeze: [{begins: Wed 00:00, ends: Thu 00:00}]}")
    with ground.run():
        outcome, reason = promotion.promotion_flow.fn(PIPELINE, 2, SECOND)
    assert outcome == "proposed"
    assert "nothing is promoted from Wed 00:00 to Thu 00:00 UTC" in reason
    clock[0] += DAY
    assert answer(ground)[0] == "promoted"


def test_a_breach_is_proposed_and_its_retraining_starts_once_when_people_approve_it(ground):
    ground.restore("whole")
    governed(ground, "mode: approve")
    with ground.run():
        outcome, reason = monitoring.monitoring_flow.fn(PIPELINE, SECOND)
    assert (outcome, ground.started) == ("proposed", {})
    assert "a person has to approve it" in reason
    assert answer(ground)[0] == "triggered"
    token = next(e.decision.evidence["token"] for e in journal(ground) if e.decision.outcome == "proposed")
    assert list(ground.started) == [token]
    assert ground.answered == {token: token}, "its end tells the governor how the breach was answered"
    with pytest.raises(ApprovalRefused, match="used: "):
        answer(ground)
    with ground.run():
        reconcile.fn(ground.session(SECOND))
    assert [e.decision.outcome for e in journal(ground) if e.decision.kind == "trigger"] == ["sent"]
