"""Prints what becomes of every delivery of the corpus, beside plain pandas with default arguments.

    python -m tests.corpus [--theme THEME, several times]

`pandas.read_csv(path)` and the declared columns of it, nothing else. It is right where every accepted value is the same
as ours, and silently wrong where it hands on what was refused, or another value, without raising. Counts stand at the
end; the exit status tells whether all deliveries became what the corpus states.
"""

import argparse
import logging
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path

from tests.corpus import THEMES, corpus
from tests.corpus.play import as_stated, plain, play, put


def main() -> int:
    """Play all of them and print the table."""
    from rich.console import Console
    from rich.table import Table

    parser = argparse.ArgumentParser(prog="python -m tests.corpus")
    parser.add_argument("--theme", action="append", choices=list(THEMES), help="these only")
    chosen = parser.parse_args().theme or list(THEMES)
    logging.disable()
    warnings.simplefilter("ignore")
    table = Table("theme", "delivery", "Keepfit", "by the rule", "plain pandas")
    counts: dict[str, Counter[str]] = {theme: Counter() for theme in chosen}
    others: Counter[str] = Counter()
    wrong = 0
    for theme, case in corpus():
        if theme not in chosen:
            continue
        with tempfile.TemporaryDirectory(prefix="corpus-") as name:
            played = play(case, Path(name) / "played")
            beside = plain(case, put(case, Path(name) / "plain"), played)
        stated = as_stated(case, played)
        wrong += not stated
        counts[theme][played.outcome] += 1
        others["raises" if beside.startswith("raises") else beside or "no CSV"] += 1
        told = played.told if len(played.told) <= 90 else played.told[:87] + "..."
        table.add_row(theme, case.name, played.outcome + ("" if stated else " (NOT AS STATED)"), told, beside or "-")
    console = Console(width=190, soft_wrap=False)
    console.print(table, markup=False)
    for theme, outcomes in counts.items():
        console.print(f"{theme}: {outcomes.total()} ({_words(outcomes)})")
    total = sum((outcomes for outcomes in counts.values()), Counter[str]())
    console.print(f"Keepfit: {total.total()} deliveries ({_words(total)}), "
                  f"{wrong} not as stated")  # fmt: skip
    console.print(f"plain pandas: {_words(others)}")
    return 1 if wrong else 0


def _words(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {word}" for word, count in sorted(counts.items()))


if __name__ == "__main__":
    sys.exit(main())
