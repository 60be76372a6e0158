"""Real tables to test with; they stay outside of the project, in the folder that KEEPFIT_REAL_DATA names."""

import os
from pathlib import Path

import pandas as pd

from tests.e2e.needs import cannot_run

VARIABLE = "KEEPFIT_REAL_DATA"


def real_file(name: str) -> Path:
    """A file of the folder, like `bike_sharing/hour.csv`. Without the folder it skips, or fails in CI."""
    folder = os.environ.get(VARIABLE)
    if not folder:
        cannot_run(f"{VARIABLE} is not set: it names the folder that holds {name}")
    path = Path(folder) / name
    assert path.is_file(), f"{VARIABLE} names a folder without {name}"
    return path


def real_texts(name: str) -> pd.DataFrame:
    """Its rows, as texts."""
    return pd.read_csv(real_file(name), dtype=str, keep_default_na=False)
