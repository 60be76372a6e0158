"""The pages that explain a run: what came in, what was decided, the numbers, what happens next. Markdown for people.

Only names, counts, verdicts and reasons; never a cell value. Where a page is shown is decided elsewhere.
"""

from collections.abc import Mapping, Sequence

from tasks.core.comparison import Run, Standing
from tasks.core.markdown import cell, number, page, table
from tasks.core.next_steps import NEXT
from tasks.core.results import Check, Decision, Number, Verdict

# Signs that any text font has: emoji are empty boxes where no emoji font is installed.
_MARK = {Verdict.PASS: "✓ pass", Verdict.FAIL: "**✗ fail**", Verdict.UNKNOWN: "**? unknown**"}


def checks_table(checks: Sequence[Check]) -> str:
    """One line per check."""
    return table(("check", "verdict", "reason"), [(c.name, _MARK[c.verdict], c.reason) for c in checks])


def ingestion_page(
    pipeline: str, decisions: Sequence[Decision], unsettled: Sequence[str], repairs: Sequence[str],
    left_out: Mapping[str, str], docs: str | None = None,
) -> str:  # fmt: skip
    """What was delivered and what became of it; `left_out` names what is no delivery, by the rule that it breaks.

    `docs`: the file with what each rule said of each delivery.
    """
    rows = [
        (d.evidence["name"], d.evidence["kind"], d.evidence["delivered"], d.evidence["accepted"],
         d.evidence["quarantined"], _rules(d.evidence["rules"]))
        for d in decisions
    ]  # fmt: skip
    refused = [d for d in decisions if d.outcome == "quarantined"]
    lead = f"{len(decisions)} new deliveries; {len(refused)} refused whole." if decisions else "No new deliveries."
    parts = [table(("delivery", "kind", "delivered", "accepted", "quarantined", "rules"), rows)] if rows else []
    parts += [f"**{cell(d.evidence['name'])} was refused**: {cell(d.reason)}" for d in refused]
    parts += [f"**{cell(d.evidence['name'])} looks unusual**: {cell(told)}"
              for d in decisions for told in d.evidence.get("warnings", ())]  # fmt: skip
    parts += [f"Left alone, still being written: {cell(', '.join(unsettled))}."] if unsettled else []
    parts += [f"**Left out: {cell(name)}** ({cell(rule)})" for name, rule in left_out.items()]
    parts += [f"Each rule, delivery by delivery: {cell(docs)} on the machine of the run (Data Docs)."] if docs else []
    after = "Have refused deliveries corrected and delivered again under any name." if refused else "Scoring follows."
    return page(f"Ingestion of {pipeline}", lead, [*parts, *_repairs(repairs), f"**Next:** {after}"])


_SEARCH = "### Search, best first\n\n"


def training_page(
    pipeline: str, reason: str, facts: Mapping[str, Number], trials: Sequence[Sequence[object]], outcome: str,
    links: Mapping[str, str],
) -> str:  # fmt: skip
    """Why it trained, on what, what won, and what became of it."""
    parts = [
        f"**Why:** {cell(reason)}",
        f"**Outcome:** {cell(outcome)}",
        "**Next:** the promotion run below this one holds every gate's answer; see *Subflow Runs*.",
        table(("fact", "value"), list(facts.items())),
        *([_SEARCH + table(("family", "tuning score", "seconds", "parameters"), trials)] if trials else []),
    ]
    return page(f"Training of {pipeline}", f"A candidate was {cell(outcome.split(':', maxsplit=1)[0])}.", parts, links)


def held_page(pipeline: str, reason: str, probed: Check, facts: Mapping[str, Number], outcome: str) -> str:
    """Why a retraining was asked for, and what the probe said that held it back before any search."""
    parts = [f"**Why:** {cell(reason)}", f"**Next:** {NEXT[outcome]}", checks_table([probed]),
             table(("fact", "value"), list(facts.items()))]  # fmt: skip
    return page(f"Training of {pipeline}", f"No search, no candidate: the retraining was {outcome}.", parts)


def promotion_page(decision: Decision, gates: Sequence[Check], links: Mapping[str, str]) -> str:
    """Every gate's answer and the decision."""
    version, rival = decision.evidence["version"], decision.evidence["replaces"]
    lead = f"Version {version} was **{decision.outcome}**" + (
        f" against champion {rival}." if rival else "; no champion."
    )
    parts = [*answer(decision), checks_table(gates), *duel_part(gates)]
    return page(f"Promotion in {decision.pipeline}", lead, parts, links)


def duel_part(gates: Sequence[Check]) -> list[str]:
    """The numbers of the duel, where one was fought."""
    keys = ("answer", "difference", "low", "high", "rows", "blocks", "look", "spent")
    duel = next((gate for gate in gates if gate.name == "beats_champion" and gate.numbers.get("rows")), None)
    return ["### The duel\n\n" + table(keys, [[number(duel.numbers.get(key)) for key in keys]])] if duel else []


def scoring_page(decision: Decision, delivered: Sequence[tuple[str, int, str]] = ()) -> str:
    """Which version scored what, and what went where: the outputs' kinds, batches and rows."""
    left = decision.evidence.get("unscored", {})
    rows = [(batch[:12], count, left.get(batch, 0)) for batch, count in decision.evidence["batches"].items()]
    parts = [table(("batch", "rows", "not scored"), rows)] if rows else ["Nothing was due."]
    parts += [table(("delivered to", "batches", "rows"), delivered)] if delivered else []
    return page(f"Scoring of {decision.pipeline}", cell(decision.reason) + ".", [*parts, "**Next:** monitoring."])


def monitoring_page(
    decision: Decision, checks: Sequence[Check], columns: Sequence[Check], links: Mapping[str, str]
) -> str:
    """The verdicts of a check, its decision, and the columns that moved most."""
    lead = f"Champion {decision.evidence['version']}, window {decision.window}: **{decision.outcome}**."
    parts = [*answer(decision), checks_table(checks), *columns_part(columns)]
    return page(f"Monitoring of {decision.pipeline}", lead, parts, links)


def columns_part(columns: Sequence[Check]) -> list[str]:
    """The columns that moved most, first."""
    moved = sorted(columns, key=lambda check: -float(check.numbers.get("distance") or 0))[:12]
    shown = [
        (c.name, _MARK[c.verdict], *(number(c.numbers.get(key)) for key in ("distance", "threshold"))) for c in moved
    ]
    return ["### Columns\n\n" + table(("column", "verdict", "distance", "threshold"), shown)] if shown else []


def reconciliation_page(pipeline: str, repairs: Sequence[str], unknown: Sequence[str], checks: Sequence[Check]) -> str:
    """What was repaired and how the invariants stand."""
    broken = [check for check in checks if not check.passed]
    lead = f"{len(checks) - len(broken)} of {len(checks)} invariants hold." if checks else "Nothing was checked."
    parts = [*_repairs(repairs), *(f"Could not look at {cell(line)}" for line in unknown), checks_table(checks)]
    return page(f"Reconciliation of {pipeline}", lead, parts)


def simulation_page(pipeline: str, metric: str, runs: Sequence[Run], lines: Sequence[Standing]) -> str:
    """How the policies compare, and what each of them did when."""
    best = next((line.policy for line in lines if line.regret == 0), "none")
    span = f"{runs[0].periods[0].as_of:%Y-%m-%d} to {runs[0].periods[-1].end:%Y-%m-%d}"
    lead = f"{len(lines)} policies over {len(runs[0].periods)} periods from {span}: the best mean {metric} has {best}. "
    lead += how_often(runs)
    parts = [table(SIMULATION_HEAD, simulation_rows(lines))]
    for run in runs:
        told = [(f"{p.as_of:%Y-%m-%d}", p.rows, number(p.score), p.model, p.reason) for p in run.periods]
        parts.append(f"### {run.policy}\n\n" + table(("as of", "rows", metric, "version", "decided"), told))
    return page(f"Simulation of {pipeline}", lead, parts)


def how_often(runs: Sequence[Run]) -> str:
    """How often was decided in a period, and how to learn what deciding more often would have made of it."""
    most = max(len(period.decisions) for run in runs for period in run.periods)
    if most > 1:
        return f"keepfit decided up to {most} times in a period, the others at its beginning."
    return "Each decided once in a period, at its beginning; with --check-every keepfit does as often as its cycle."


SIMULATION_HEAD = ("policy", "mean", "regret", "retrainings", "promotions", "CPU s", "false alarms", "missed")


def simulation_rows(lines: Sequence[Standing]) -> list[tuple[str, ...]]:
    """One row per policy, as text; an alarm that cannot be judged, without a declared truth, is a dash."""
    return [
        (line.policy, number(line.mean) or "-", number(line.regret) or "-", str(line.retrainings),
         str(line.promotions), f"{line.cpu_seconds:.1f}", *("-" if n is None else str(n) for n in
                                                           (line.false_alarms, line.missed)))
        for line in lines
    ]  # fmt: skip


def _repairs(lines: Sequence[str]) -> list[str]:
    return ["**Repaired after a crash:**\n\n" + "\n".join(f"- {cell(line)}" for line in lines)] if lines else []


def _rules(counts: Mapping[str, int]) -> str:
    shown = sorted(counts.items(), key=lambda pair: -pair[1])
    return ", ".join(f"{rule} ({count})" for rule, count in shown[:4]) + (" …" if len(shown) > 4 else "")  # noqa: PLR2004


def answer(decision: Decision) -> list[str]:
    """Reason and next step: they stand above the tables, where a page begins, not below a scroll."""
    return [f"**Why:** {cell(decision.reason)}", f"**Next:** {_next(decision)}"]


def _next(decision: Decision) -> str:
    return NEXT.get(decision.outcome, "See the journal.").replace("{pipeline}", decision.pipeline)
