"""A model file in a clean process: loaded by skops with the reviewed types only, far from our code, asked to predict.

The process gets no inherited Python path and none of our modules; what it answers is what production would see.
"""

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.adapters.processes import GARBAGE
from tasks.core.errors import ArtefactMismatch
from tasks.core.estimators import TRUSTED_TYPES
from tasks.core.features import MISSING, Features
from tasks.core.metrics import Problem

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_SCRIPT = f"""
import gc
gc.set_threshold{GARBAGE}
import json, sys, time
import numpy as np, pandas as pd, psutil, skops.io
model_path, rows_path, out_path, problem, tries, trusted = sys.argv[1:7]
model = skops.io.load(model_path, trusted=json.loads(trusted))
rows = pd.read_parquet(rows_path)
seconds = []
for _ in range(int(tries)):
    began = time.perf_counter()
    predicted = model.predict_proba(rows)[:, 1] if problem == "binary" else model.predict(rows)
    seconds.append(time.perf_counter() - began)
np.save(out_path, predicted.astype("float64"))
print(json.dumps([min(seconds), psutil.Process().memory_info().rss]))
"""
_SECONDS = 300


@dataclass(frozen=True)
class Answer:
    """Predictions (float64, one per row), the seconds of the quickest try, and the bytes of memory that it took."""

    predicted: "np.ndarray"
    seconds: float
    memory: int


def predict_in_clean_process(model_file: Path, matrix: "pd.DataFrame", problem: Problem) -> "np.ndarray":
    """Predictions (float64, one per row) of a model file in a process of its own; raises ArtefactMismatch."""
    return ask_in_clean_process(model_file, matrix, problem).predicted


def ask_in_clean_process(model_file: Path, matrix: "pd.DataFrame", problem: Problem, tries: int = 1) -> Answer:
    """Predict with a model file in a process of its own, and say what it took; loading it is not counted.

    Raises:
        ArtefactMismatch: the file cannot be loaded there, holds types that are not on the list, or does not predict.
    """
    import json

    import numpy as np

    with tempfile.TemporaryDirectory(prefix="keepfit-") as folder:
        rows, out = Path(folder) / "rows.parquet", Path(folder) / "out.npy"
        matrix.reset_index(drop=True).to_parquet(rows)
        # -I: no PYTHONPATH, no user site, and the current folder is not importable.
        command = [sys.executable, "-I", "-c", _SCRIPT, str(model_file), str(rows), str(out), problem, str(tries)]
        command.append(json.dumps(TRUSTED_TYPES))
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            raise ArtefactMismatch(f"The model did not predict within {_SECONDS} s in a clean process.") from None
        if done.returncode != 0:
            # The last line of a traceback names the error; rows and paths stand in the lines before.
            last = (done.stderr.strip().splitlines() or ["no output"])[-1].split(":")[0]
            raise ArtefactMismatch(f"The model cannot be loaded and asked in a clean process ({last[:80]}).")
        seconds, memory = json.loads(done.stdout.splitlines()[-1])
        return Answer(np.asarray(np.load(out)), float(seconds), int(memory))


def load_in_clean_process(model_file: Path, features: Features) -> None:
    """Load a model file in a clean process and ask it about one empty row; raises ArtefactMismatch."""
    import pandas as pd

    blank = pd.DataFrame({name: [MISSING if name in features.categorical else 0.0] for name in features.names})
    predict_in_clean_process(model_file, blank, "regression")


def load_model(model_file: Path) -> Any:
    """Load a verified model file in this process, by the reviewed types only; raises ArtefactMismatch."""
    import skops.io

    try:
        return skops.io.load(model_file, trusted=list(TRUSTED_TYPES))
    except Exception as error:
        raise ArtefactMismatch(f"The model file cannot be loaded ({type(error).__name__}).") from error


def save_model_file(model: Any, path: Path) -> None:
    """Write a fitted pipeline with skops, all or nothing."""
    import skops.io

    unfinished = path.with_name(path.name + ".part")
    skops.io.dump(model, unfinished)
    unfinished.replace(path)
