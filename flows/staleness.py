"""The staleness flow: how former champions would score by now, and what each retraining brought. It decides nothing."""

from collections.abc import Mapping
from datetime import datetime

from prefect import flow

from flows.naming import run_name
from flows.running import begin_run
from tasks import reporting, staleness
from tasks.core.metrics import problem_of
from tasks.core.staleness import curve, gains
from tasks.core.staleness.gains import NOT_MEASURED, Gain, Part
from tasks.core.staleness.page import Measured, staleness_page
from tasks.core.staleness.plan import Plan, Retraining, Rules, rules_of
from tasks.links import version_links
from tasks.session import Session
from tasks.staleness import Contestants


@flow(name="staleness", flow_run_name=run_name, persist_result=False)
def staleness_flow(pipeline: str, as_of: datetime | None = None) -> tuple[Measured, dict[str, str]]:
    """Let every former champion score the labelled rows since its promotion, and say what retraining brought.

    Args:
        pipeline: Name of the pipeline, as its file in config/pipelines is called.
        as_of: The moment as which the run looks back, with a time zone; empty means now.

    Returns:
        The curve and what each retraining brought, and links to the MLflow run.

    Raises:
        NoChampion: nobody was champion by then.
    """
    config, session = begin_run(pipeline, as_of)
    with session.hold("staleness"):
        rules = rules_of(config.metric, config.performance, config.gates, config.labels.delay, config.search.seed)
        known = staleness.find_formers(session, rules)
        contestants = staleness.load_formers(session, known.formers)
        found = _measure(session, known, rules, contestants)
        page = staleness_page(pipeline, found, {})
        mlflow_run = staleness.record_staleness(session, found, page)
        links = version_links(pipeline, None, mlflow_run)
        reporting.show_page("staleness", pipeline, staleness_page(pipeline, found, links))
    return found, links


def _measure(session: Session, known: Plan, rules: Rules, contestants: Contestants) -> Measured:
    trained, missing = contestants.trained, contestants.missing
    fought = [one for one in known.retrainings if {one.successor, one.predecessor} <= trained.keys()]
    parts: dict[Retraining, list[Part]] = {one: [] for one in fought}
    judged: dict[Retraining, Gain] = {}
    cells: list[curve.Cell] = []
    step = reporting.count_progress("staleness", session.pipeline, "windows scored", len(known.windows))
    for window in known.windows:
        answers = staleness.score_window(session, contestants, known.formers, window, problem_of(rules.metric))
        cells += curve.cells_of(known, answers, trained, rules)
        for one in fought:
            if gains.overlaps(one, answers):
                parts[one].append(gains.part_of(one, answers, trained))
        for one in [one for one in parts if one.served.end <= window.end]:  # its rows are not needed any longer
            judged[one] = gains.judge_gain(one, parts.pop(one), rules, len(fought))
        step()
    for one in list(parts):
        judged[one] = gains.judge_gain(one, parts.pop(one), rules, len(fought))
    told = [judged.get(one) or _not_measured(one, missing) for one in known.retrainings]
    return Measured(rules, tuple(cells), tuple(told), missing)


def _not_measured(one: Retraining, missing: Mapping[int, str]) -> Gain:
    gone = [version for version in (one.predecessor, one.successor) if version in missing]
    return Gain(one, NOT_MEASURED, f"{NOT_MEASURED}: version {gone[0]} cannot be asked: {missing[gone[0]]}")
