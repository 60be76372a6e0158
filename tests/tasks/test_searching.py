"""The search: what its trials need is imported before they start side by side."""

import subprocess
import sys

from config.settings import PROJECT

SCRIPT = """
import sys
from datetime import timedelta
from tasks.core.estimators import Linear, RandomForest
from tasks.core.features import Features
from tasks.core.fitting import Recipe
from tasks.core.splits import Split
from tasks.searching import Budget, run_search

class Pool:
    def __enter__(self):
        return self
    def __exit__(self, *_):
        pass
    def submit(self, *_, **__):
        known = {"sklearn.ensemble", "sklearn.linear_model", "sklearn.compose"} <= set(sys.modules)
        print("imported" if known else "not imported")
        sys.exit()

day = timedelta(days=1)
split = Split(history=(day,), tuning=day, evaluation=day)
recipes = [Recipe("binary", "roc_auc", Features(("x",), (), (), "UTC"), split, family, {}, split.history[0], 0)
           for family in (Linear(), RandomForest())]
class Snapshot:
    digest = ""
class Session:
    store = None
print("sklearn" in sys.modules)
run_search(Session, Snapshot, recipes, "", Budget(1, 60), Pool(), print)
"""


def test_trials_in_threads_do_not_import_scikit_learn_at_the_same_time():
    ran = subprocess.run([sys.executable, "-c", SCRIPT], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert ran.stdout.split("\n")[:2] == ["False", "imported"], ran.stdout + ran.stderr
