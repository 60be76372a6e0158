"""The reconciliation flow: repair what a crash left, then check every invariant; it fails when one is broken."""

from prefect import flow

from flows.naming import run_name
from flows.running import begin_run
from tasks import reporting, retention, verification
from tasks.core import dossiers
from tasks.core.errors import InvariantBroken
from tasks.core.results import Verdict
from tasks.reconciliation import reconcile


@flow(name="reconciliation", flow_run_name=run_name, persist_result=False)
def reconciliation_flow(pipeline: str) -> list[str]:
    """Finish or end what killed runs left, and check the invariants that the pipeline's promises rest on.

    Args:
        pipeline: Name of the pipeline, as its file in config/pipelines is called.

    Returns:
        What was repaired, and what was let go because it was old enough.

    Raises:
        InvariantBroken: an invariant is broken. The message names which.
    """
    config, session = begin_run(pipeline)
    with session.hold("reconciliation") as lease:
        repairs = reconcile(session)
        gone = retention.apply_retention(session, config.privacy.retention.terms)
        checks = verification.verify_invariants(session)
        page = dossiers.reconciliation_page(pipeline, [*repairs.done, *gone], repairs.unknown, checks)
        reporting.show_page("reconciliation", pipeline, page)
        verification.alert(checks)
        verification.record_verification(session, checks, lease)
        broken = [f"{check.name}: {check.reason}" for check in checks if check.verdict is Verdict.FAIL]
        if broken:
            raise InvariantBroken(f"Broken invariants of {pipeline}: {' | '.join(broken)}")
    return [*repairs.done, *gone]
