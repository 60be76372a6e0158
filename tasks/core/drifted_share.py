"""How the verdicts of columns add up to the verdict on all of them: by their number, or by what each counts.

A column's own verdict: drift. What a column is worth: importance.
"""

from collections.abc import Mapping, Sequence

from tasks.core.results import Check, Verdict


def judge_dataset(checks: Sequence[Check], needed: int, name: str) -> Check:
    """Fail when as many columns drift as are `needed`, unknown when the unknown ones could decide it."""
    count = {verdict: sum(check.verdict is verdict for check in checks) for verdict in Verdict}
    columns = len(checks)
    drifted, unknown = count[Verdict.FAIL], count[Verdict.UNKNOWN]
    numbers = {
        "drifted": drifted, "unknown": unknown, "columns": columns, "needed": needed,
        "share": drifted / columns if columns else None,
    }  # fmt: skip
    if not columns:
        return Check(name, Verdict.UNKNOWN, "there is no column to compare", numbers)
    reason = f"{drifted} of {columns} columns drifted; {needed} make a drift"
    if drifted >= needed:
        worst = ", ".join(check.name for check in checks if check.verdict is Verdict.FAIL)
        return Check(name, Verdict.FAIL, f"{reason}: {worst}", numbers)
    if drifted + unknown >= needed:
        return Check(name, Verdict.UNKNOWN, f"{reason}, and {unknown} could not be judged", numbers)
    return Check(name, Verdict.PASS, reason, numbers)


def judge_weighted(checks: Sequence[Check], weights: Mapping[str, float], share: float, name: str) -> Check:
    """The same by weights that sum to 1: what has drifted, or could have, is held against `share`."""
    drifted, unknown = (
        sum(weights[check.name] for check in checks if check.verdict is verdict)
        for verdict in (Verdict.FAIL, Verdict.UNKNOWN)
    )
    failing = [check.name for check in checks if check.verdict is Verdict.FAIL]
    numbers = {"drifted": len(failing), "columns": len(checks), "share": drifted, "share_unknown": unknown,
               "needed_share": share}  # fmt: skip
    reason = (
        f"{len(failing)} of {len(checks)} columns drifted, {drifted:.0%} of what the model rests on; "
        f"{share:.0%} make a drift"
    )
    least = share - 1e-9
    if drifted > 0 and drifted >= least:
        return Check(name, Verdict.FAIL, f"{reason}: {', '.join(failing)}", numbers)
    if not checks or (unknown > 0 and drifted + unknown >= least):
        return Check(name, Verdict.UNKNOWN, f"{reason}, and {unknown:.0%} could not be judged", numbers)
    return Check(name, Verdict.PASS, reason, numbers)
