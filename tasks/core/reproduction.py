"""Is a version what its records say? Records against what stands now, and a fresh fit's predictions against its own.

Values in, answers out; what is read, refitted and asked is `tasks.reproduction`'s business.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tasks.core.results import Check, Number, Verdict

NAME = "reproduction"
TOLERANCE = 1e-6
"""Largest difference of two predictions as a share of the largest of them: another order of summing makes 1e-12."""


@dataclass(frozen=True)
class Records:
    """What a fit depends on: the digest of its rows, its key, parameters and libraries (name -> version)."""

    snapshot: str
    key: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    libraries: Mapping[str, str] = field(default_factory=dict)
    code: str = ""


def differences(then: Records, now: Records) -> list[str]:
    """What differs, one sentence each, by name; empty where a fit from the one must be a fit from the other."""
    found = []
    if then.snapshot != now.snapshot:
        found.append(f"rows: their digest is {now.snapshot[:12]}, the version was trained on {then.snapshot[:12]}")
    found += [f"parameter {told}" for told in _by_name(then.parameters, now.parameters)]
    found += [f"library {told}" for told in _by_name(then.libraries, now.libraries)]
    if then.code != now.code and not any(told.startswith("library") for told in found):
        found.append(f"code: what fits a model has the digest {now.code[:12]}, it had {then.code[:12]}")
    if then.key != now.key and not found:
        found.append(f"recipe: its key is {now.key[:12]}, the version was made by {then.key[:12]}")
    return found


def _by_name(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    names = sorted({*then, *now})
    return [f"{name}: {now.get(name, 'none')} now, {then.get(name, 'none')} on record"
            for name in names if then.get(name) != now.get(name)]  # fmt: skip


def judge_reproduction(differing: list[str], then: np.ndarray, again: np.ndarray | None) -> Check:
    """Pass: same rows, parameters and libraries, and predictions (both of shape (rows,)) equal within `TOLERANCE`.

    Fail names what differs. `again` is None where nothing could be fitted again.
    """
    numbers: dict[str, Number] = {"rows": len(then), "tolerance": TOLERANCE, "largest": None}
    if again is not None:
        largest = numbers["largest"] = _largest(then, again)
        if len(then) == 0:
            return Check(NAME, Verdict.UNKNOWN, "there are no rows to compare predictions on", numbers)
        if not largest <= TOLERANCE:
            differing = [*differing, f"predictions: up to {largest:.3g} of their size apart on {len(then)} rows"]
    if differing:
        return Check(NAME, Verdict.FAIL, "; ".join(differing), numbers)
    if again is None:
        return Check(NAME, Verdict.UNKNOWN, "nothing was fitted again", numbers)
    told = f"same rows, parameters and libraries; {len(then)} predictions equal within {TOLERANCE:g} of their size"
    return Check(NAME, Verdict.PASS, f"{told} (largest difference {numbers['largest']:.3g})", numbers)


def _largest(then: np.ndarray, again: np.ndarray) -> float:
    if len(then) != len(again):
        return float("inf")
    if len(then) == 0:
        return 0.0
    size = max(float(np.abs(then).max()), float(np.abs(again).max()), np.finfo(float).tiny)
    return float(np.abs(then - again).max() / size)
