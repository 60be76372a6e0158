"""What a challenger on trial costs the answers: single rows without one, with a shadow of all rows, with a canary.

python -m benchmarks.serving_trial [--rounds 5] [--seconds 15] [--connections 16]
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.ground import DAY, PIPELINE, START, Ground, _register, prepare
from benchmarks.results import Row, load, show
from benchmarks.serving import _warm
from benchmarks.serving_load import Outcome, quantile
from benchmarks.serving_world import mlflow, server, wait_until

EARLY = START + 80 * DAY
_GATES = """
gates: [{kind: sanity}, {kind: beats_dummy}, {kind: beats_champion, margin: 0.0, min_rows: 350}, {kind: clean_process}]
"""
_SIDES = {"no trial": "{}", "shadow of all rows": "{shadow: 1.0}", "canary of half": "{canary: 0.5}"}


def wait_for_evidence(ground: Ground, serving: str) -> None:
    """Version 3, the better one, waits for evidence: its 300 evaluation rows are too few for the duel."""
    from config.load import load_pipeline
    from config.settings import load_settings
    from flows.promotion import promotion_flow
    from tasks.core.errors import TerminalError

    _write(ground, serving)
    with ground.run():
        _register(ground, load_pipeline(PIPELINE, load_settings()), EARLY)
        told = promotion_flow.fn(PIPELINE, 3, EARLY)
    if told != ("refused", "not passed: beats_champion"):
        raise TerminalError(f"The benchmark's challenger does not wait for evidence: it was {told[0]}, {told[1]}.")


def _write(ground: Ground, serving: str) -> None:
    path = ground.home / f"{PIPELINE}.yaml"
    plain = path.read_text("utf-8").partition(_GATES)[0]
    path.write_text(f"{plain}{_GATES}serving: {serving}\n", "utf-8")


def cost(ground: Ground, rounds: int, seconds: float, connections: int) -> Iterator[Row]:
    """Alternating runs of single rows."""
    found: dict[str, list[Outcome]] = {name: [] for name in _SIDES}
    silent = dict.fromkeys(_SIDES, 0.0)
    with mlflow(ground) as (url, _):
        for number in range(rounds):
            for name in list(_SIDES)[:: -1 if number % 2 else 1]:
                _write(ground, _SIDES[name])
                with server(ground, url) as served:
                    if name != "no trial":
                        wait_until(lambda: (served.ready()["trial"] or {}).get("version") == 3, 30)
                    body = lambda n: {"id": f"c{n}", "x": 0.1 + n % 7, "z": 0.2}  # noqa: E731
                    found[name].append(_warm(f"{served.url}/{PIPELINE}/predict", body, connections, seconds))
                    page = served.client.get("/metrics").text
                    silent[name] += float(page.partition("\nkeepfit_shadow_dropped{")[2].partition("} ")[2].split()[0])
    rate = {name: float(np.median([len(one.seconds) / one.elapsed for one in ran])) for name, ran in found.items()}
    slow = {name: float(np.median([quantile(one.seconds, 0.99) for one in ran])) * 1000 for name, ran in found.items()}
    for name in list(_SIDES)[1:]:
        told = f"{rate[name]:.0f}/s, p99 {slow[name]:.1f} ms, {silent[name]:.0f} rows left out"
        peer = f"{rate['no trial']:.0f}/s, p99 {slow['no trial']:.1f} ms without a trial"
        title = f"single rows, {connections} connections, {name}, median of {rounds} runs"
        yield Row(title, told, peer, f"{rate[name] / rate['no trial']:.2f}", load=load())


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving_trial")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=15.0, help="of each run")
    parser.add_argument("--connections", type=int, default=16)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="keepfit-trial-") as name:
        ground = prepare(Path(name))
        with ground.inside():
            ground.restore("whole")
            wait_for_evidence(ground, "{}")
            show(list(cost(ground, options.rounds, options.seconds, options.connections)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
