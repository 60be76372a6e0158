"""The generated sample as a source: it writes its own deliveries when they are due."""

from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import Field

from tasks.adapters.sources.files import Files
from tasks.adapters.sources.names import UNFINISHED
from tasks.core.durations import Duration


class Sample(Files):
    """The generated sample with declared truth: due deliveries are written into the folder, then read as any other."""

    kind: Literal["sample"] = "sample"
    seed: int = 7
    settle: Duration = Field(default="0s", validate_default=True)

    def deliver(self, as_of: datetime, inbox: Path, ingested: Collection[str]) -> None:
        """Write each delivery of the sample that is due by `as_of` and not there yet, labels beside events."""
        from tasks.core.sample import PERIODS, files, generate, month_start

        due = sum(month_start(period + 1) <= as_of for period in range(1, PERIODS + 1))
        for delivery in generate(periods=due, seed=self.seed) if due else ():
            for relative, content in files(delivery).items():
                target = self.folder.parent / relative
                if not target.exists():
                    target.parent.mkdir(parents=True, exist_ok=True)
                    unfinished = target.with_name(target.name + UNFINISHED[0])
                    unfinished.write_bytes(content)
                    unfinished.replace(target)
