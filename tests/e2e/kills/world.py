"""The pipelines of the kill matrix: one small pipeline per case, its data, and the states that a case begins in.

A state is made once, by real runs of the pipeline `base`; a case gets a copy of it under a name of its own.
"""

import shutil
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock

import numpy as np
import pandas as pd

from tests.e2e.kills.launcher import Launcher

START = datetime(2024, 1, 1, tzinfo=UTC)
ROWS_PER_DAY, HISTORY, CHANGED, BAD_ROWS = 30, 45, 30, 3
LEARNT_AT = START + timedelta(days=HISTORY + 1)
CHANGED_AT = START + timedelta(days=HISTORY + CHANGED + 1)
STATES = ("history", "changed", "scored", "registered")
BASE = "base"
_FILE = """
pipeline: {name}
problem: binary
source: {{kind: folder, path: {folder}, settle: 0s}}
labels: {{kind: column, delay: 1d}}
columns:
  - {{name: id, role: id, type: string, required: true}}
  - {{name: at, role: time, type: datetime, required: true}}
  - {{name: x, role: feature, type: number}}
  - {{name: y, role: feature, type: number}}
  - {{name: colour, role: feature, type: category}}
  - {{name: label, role: target, type: category}}
positive: "1"
split: {{history: [12d], tuning: 6d, evaluation: 10d}}
candidates: [{{kind: linear}}, {{kind: random_forest, trees: 10}}]
search: {{trials: 1, seed: {seed}}}
metric: roc_auc
performance: {{window: 31d, max_loss: 0.15}}
drift: {{window: 31d}}
governor: {{cooldown: 1d, min_new_labels: 100}}
scoring: {{outputs: [{{kind: sql, url: "sqlite:///{folder}.db", table: scores}}]}}
"""


def rows(first_day: int, days: int, changed: bool) -> pd.DataFrame:
    """Events with their labels; x decides, and after the change it decides the other way. Three rows are broken."""
    rng, count = np.random.default_rng([first_day, days]), days * ROWS_PER_DAY
    x = rng.normal(size=count)
    cause = (-x if changed else x) + rng.normal(scale=0.4, size=count)
    at = START + pd.to_timedelta(np.sort(rng.uniform(first_day, first_day + days, count)), unit="D")
    frame = pd.DataFrame({
        "id": [f"{first_day}-{number}" for number in range(count)], "at": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "x": [f"{value:.4f}" for value in x], "y": [f"{value:.4f}" for value in rng.normal(size=count)],
        "colour": rng.choice(["red", "green"], count), "label": (cause > 0).astype(int).astype(str),
    })  # fmt: skip
    frame.loc[frame.index[:BAD_ROWS], "y"] = "a word"
    return frame


@dataclass
class World:
    """A home with a running stack, a launcher, and the states as they become ready."""

    home: Path
    pipelines: Path
    launcher: Launcher
    _states: dict[str, "Future[Path]"] = field(default_factory=lambda: {name: Future() for name in STATES})
    _lock: Lock = field(default_factory=Lock)
    _seed: int = 0

    def add(self, name: str) -> Path:
        """Write the pipeline's file (a seed of its own, so that no fit is in the cache); gives its folder."""
        folder = self.home / "sources" / name
        folder.mkdir(parents=True)
        with self._lock:
            self._seed += 1
            text = _FILE.format(name=name, folder=folder, seed=self._seed)
        (self.pipelines / f"{name}.yaml").write_text(text)
        return folder

    def begin_in(self, state: str, name: str) -> None:
        """Bring a pipeline into a state, as soon as there is one to copy."""
        store = self._states[state].result(timeout=1100)
        versions = {"history": 0, "registered": 2}.get(state, 1)
        champion = 1 if versions else None
        self.launcher.ask(
            "copy_state", source=BASE, store_copy=str(store), target=name, versions=versions, champion=champion
        )

    def make_states(self) -> None:
        """Run the base pipeline through its life and keep its tables after each stage."""
        try:
            self._live()
        except BaseException as error:
            for state in self._states.values():
                if not state.done():
                    state.set_exception(error)
            raise

    def _live(self) -> None:
        folder = self.add(BASE)
        rows(0, HISTORY, changed=False).to_csv(folder / "1.csv", index=False)
        self._run("ingestion", LEARNT_AT)
        self._keep("history")
        assert self._run("training", LEARNT_AT) == [1, "promoted"]
        rows(HISTORY, CHANGED, changed=True).to_csv(folder / "2.csv", index=False)
        self._run("ingestion", CHANGED_AT)
        self._keep("changed")
        self._run("scoring", CHANGED_AT)
        self._keep("scored")
        given = {"flow": "training", "pipeline": BASE, "as_of": CHANGED_AT.isoformat()}
        killed = self.launcher.run("run_flow", {"KEEPFIT_FAULT": "training.registered"}, **given)
        assert killed.code == -9, killed.output[-4000:]
        self._keep("registered")

    def _run(self, flow: str, as_of: datetime) -> object:
        return self.launcher.ask("run_flow", flow=flow, pipeline=BASE, as_of=as_of.isoformat())

    def _keep(self, state: str) -> None:
        kept = self.home / "states" / state
        shutil.copytree(self.home / "store" / BASE, kept)
        self._states[state].set_result(kept)
