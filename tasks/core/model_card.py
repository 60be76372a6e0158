"""A version's model card in markdown, from its records and the journal. No cell value, and no claim without a record.

Source of the sections: Mitchell et al., Model Cards for Model Reporting, FAT* 2019.
"""

from collections.abc import Mapping
from typing import Any

from tasks.core.markdown import cell, number, page, table
from tasks.core.ml_test_score import SECTIONS, Known, Scorecard, ml_test_score
from tasks.core.records import read_object

_NOT_SAID = "*The pipeline's file does not say: see `description`.*"


def model_card(known: Known, *, brief: bool = False) -> str:
    """The whole card; `brief` (a description has 5 000 characters in MLflow): of the score its sections only."""
    recipe, snapshot, scored = _read(known, "recipe"), _read(known, "snapshot"), ml_test_score(known)
    parts = [
        _section("Intended use", cell(known.setup.description) or _NOT_SAID),
        _section("Evaluation", _evaluation(known)),
        _section("Caveats", _caveats(known)),
        _section("Training data", _data(known, snapshot, recipe)),
        _section("Model details", _details(known, recipe)),
        _section("Factors", _factors(known)),
        _section("ML Test Score", score_line(scored) if brief else score_part(scored)),
        *([] if brief else [_section("Life so far", _life(known))]),
    ]
    title = f"Model card: {known.pipeline}, version {known.version}"
    until = f" up to {known.entries[-1].recorded_at:%Y-%m-%d %H:%M} UTC" if known.entries else ""
    return page(title, f"{_judged(known)} Written from records{until}; anew: `keepfit card {known.pipeline}`.", parts)


def _judged(known: Known) -> str:
    entry = known.judgement()
    if entry is None:
        return f"Version {known.version} was not judged yet."
    rival = entry.decision.evidence.get("replaces")
    against = f" against champion {rival}" if rival else ", with no champion"
    return f"Version {known.version} was **{entry.decision.outcome}**{against}: {cell(entry.decision.reason)}."


def score_line(card: Scorecard) -> str:
    """The score, what it means, and its sections."""
    sections = ", ".join(f"{name} {total:g}" for name, total in card.sections.items())
    return f"**{card.score:g}** of 7, the least of its sections ({sections}): {card.meaning}."


def score_part(card: Scorecard) -> str:
    """The score, its sections, and each of the 28 tests with its reason and its proof."""
    titles = {test.mark: test.title for tests in SECTIONS.values() for test in tests}
    rows = [
        (mark, titles[mark], f"{point.worth:g}", point.why, point.proof)
        for points in card.points.values() for mark, point in points.items()
    ]  # fmt: skip
    return f"{score_line(card)}\n\n" + table(("test", "asks", "points", "why", "proof"), rows)


def _section(title: str, text: str) -> str:
    return f"## {title}\n\n{text}"


def _details(known: Known, recipe: Mapping[str, Any]) -> str:
    parameters = recipe.get("parameters", {})
    rows = [
        ("problem", f"{recipe.get('problem', '?')}, chosen by {recipe.get('metric', '?')}"),
        ("family", _kind(recipe.get("family"))),
        ("parameters", ", ".join(f"{name} = {number(value)}" for name, value in parameters.items()) or "none"),
        ("seed", recipe.get("seed", "?")),
        ("trained because", known.tags.get("keepfit.reason", "?")),
        ("code, lock", f"{known.tags.get('keepfit.code', '?')[:20]}, {known.tags.get('keepfit.lock', '?')[:12]}"),
        ("artefact (SHA-256)", known.tags.get("keepfit.sha256", "?")),
    ]
    return table(("what", "which"), rows)


def _factors(known: Known) -> str:
    protected = ", ".join(f"`{cell(name)}`" for name in known.setup.protected)
    kept = f"Kept out of the features and used to compare groups: {protected}." if protected else ""
    judged = " ".join(
        f"The gate {gate} {'passed' if known.passed(gate) else 'was not passed or is not in the file'}."
        for gate in ("slices", "groups")
    )
    return f"{kept} {judged}".strip()


def _data(known: Known, snapshot: Mapping[str, Any], recipe: Mapping[str, Any]) -> str:
    window = snapshot.get("window", {})
    features = _read(known, "features")
    names = [name for kind in ("numerical", "categorical", "calendar") for name in features.get(kind, ())]
    rows = [
        ("rows with labels", snapshot.get("rows", "?")),
        ("event times within", f"{window.get('start', '?')} to {window.get('end', '?')}"),
        ("learnt from", _kind(recipe.get("history")) + f" until {known.tags.get('keepfit.trained_until', '?')}"),
        ("judged on rows until", known.tags.get("keepfit.evaluated_until", "?")),
        ("digest of the rows", snapshot.get("digest", "?")),
        ("features", ", ".join(names) or "?"),
    ]
    return table(("what", "which"), rows)


def _evaluation(known: Known) -> str:
    entry = known.judgement()
    if entry is None:
        return "No gate has judged it yet."
    gates = [(gate["name"], gate["verdict"], gate["reason"]) for gate in entry.decision.evidence["gates"]]
    promised = known.tags.get("keepfit.promised")
    lead = f"It promised {float(promised):.4g} on its evaluation rows. " if promised else ""
    return f"{lead}All of its newest judgement: {known.explains(entry)}.\n\n" + table(("gate", "verdict", "why"), gates)


def _life(known: Known) -> str:
    mine = [
        e
        for e in known.entries
        if known.version in (e.decision.evidence.get("version"), e.decision.evidence.get("replaces"))
    ]
    told = [e for e in mine if e.decision.kind in {"promotion", "rollback"} or e.decision.verdict != "pass"]
    if not told:
        return "Nothing has happened to it yet."
    rows = [
        (e.sequence, f"{e.decision.as_of:%Y-%m-%d}", e.decision.kind, e.decision.outcome, e.decision.reason)
        for e in told
    ]
    return table(("entry", "as of", "stage", "outcome", "why"), rows[-12:])


def _caveats(known: Known) -> str:
    lines = ["It knows rows like those it learnt from; what it makes of others is unknown."]
    entry = known.judgement()
    gates = entry.decision.evidence["gates"] if entry else ()
    lines += [
        f"The gate {gate['name']} did not pass: {cell(gate['reason'])}" for gate in gates if gate["verdict"] != "pass"
    ]
    if not known.realised(own=True):
        lines.append("No labels have come in yet for what it scored.")
    return "\n".join(f"- {line}" for line in lines)


def _kind(value: object) -> str:
    if not isinstance(value, Mapping):
        return str(value or "?")
    rest = ", ".join(f"{name} = {number(told)}" for name, told in value.items() if name != "kind" and told is not None)
    return f"{value.get('kind', '?')}" + (f" ({rest})" if rest else "")


def _read(known: Known, tag: str) -> Mapping[str, Any]:
    try:
        return read_object(known.tags.get(f"keepfit.{tag}", "{}"))
    except ValueError:
        return {}
