"""Small tables that the tests of the store share."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pyarrow as pa

START = datetime(2026, 1, 1, tzinfo=UTC)


def events(batch_id: str, count: int = 5, first: int = 0) -> pd.DataFrame:
    numbers = range(first, first + count)
    return pd.DataFrame(
        {
            "_row_id": [f"{batch_id}-{number}" for number in numbers],
            "_batch_id": batch_id,
            "_event_time": [START + timedelta(hours=number) for number in numbers],
            "_ingested_at": START + timedelta(days=60),
            "amount": [number / 2 for number in numbers],
            "plan": [None if number % 3 == 0 else f"plan-{number % 3}" for number in numbers],
        }
    )


def labels(
    batch_id: str, count: int = 5, known_at: datetime = START + timedelta(days=30), shift: int = 0
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "_row_id": [f"{batch_id}-{number}" for number in range(count)],
            "_batch_id": batch_id,
            "label": [(number + shift) % 2 for number in range(count)],
            "known_at": known_at,
        }
    )


def batch(batch_id: str, count: int = 5) -> dict[str, pa.Table]:
    row = pd.DataFrame({"_batch_id": [batch_id], "accepted": [count], "quarantined": [0]})
    frames = {"events": events(batch_id, count), "labels": labels(batch_id, count), "batches": row}
    return {name: pa.Table.from_pandas(frame, preserve_index=False) for name, frame in frames.items()}
