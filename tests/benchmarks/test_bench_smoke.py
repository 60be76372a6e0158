"""The benchmarks can be run: one tiny cycle on both sides, on a real stack. Their figures are not judged here.

The run itself ends with an error unless the flow and the bare script predict the same for the same rows.
"""

import os
import subprocess
import sys

import pytest

from config.settings import PROJECT


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_tiny_cycle_on_both_sides_gives_the_same_predictions_and_a_table():
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("KEEPFIT_", "PREFECT_", "MLFLOW_"))}
    command = [sys.executable, "-m", "benchmarks", "--only", "cycle", "--quick", "--rows", "2000"]
    done = subprocess.run(
        command, cwd=PROJECT, env=clean | {"COLUMNS": "200"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the same predictions for 1,980 rows on both sides" in done.stdout
    assert "whole cycle, 2,000 rows, wall seconds" in done.stdout
    assert "ratio <= 1.3" in done.stdout
