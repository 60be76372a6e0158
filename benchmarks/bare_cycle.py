"""The honest peer of the cycle flow: one script that calls the same libraries in the same order on the same data.

It leaves out Prefect (runs, tasks, retries, pages), the journal, leases and fencing, staging and its checksums, Delta
transactions per batch, the repair of crashes, the count of rows by a second reader and checks for cut-off or short
rows, the search for ids that were accepted before, the SHA-256 of the model, noise thresholds and bootstrap intervals,
the signals of broken data, the blurring of what reports show, and every decision. It believes its input.
"""

import hashlib
import json
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import great_expectations as gx
import mlflow
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import skops.io
from deltalake import DeltaTable, write_deltalake
from evidently import DataDefinition, Dataset, Report
from evidently.metrics.column_statistics import ValueDrift
from evidently.ui.workspace import Workspace
from sklearn.metrics import roc_auc_score

TRUSTED = ["numpy.dtype", "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"]
Job = dict[str, Any]


def main(job: Job) -> dict[str, Any]:
    taken = [ingest(job, path) for path in sorted(Path(job["source"]).glob("*.csv"))]
    events = pd.concat([frame for frame in taken if frame is not None])
    version, predictions = score(job, events)
    drifted, auc = watch(job, version)
    return {"rows": len(events), "scored": len(predictions), "drifted": drifted, "roc_auc": auc}


def ingest(job: Job, path: Path) -> pd.DataFrame | None:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    batches = DeltaTable(f"{job['store']}/batches")
    if digest in batches.to_pyarrow_table(columns=["sha256"])["sha256"].to_pylist():
        return None
    shutil.copy(path, f"{job['store']}/raw/{digest}.csv")
    text = pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[])
    frame = pd.DataFrame({"id": text["id"], "at": pd.to_datetime(text["at"], utc=True).astype("datetime64[us, UTC]")})
    for name in job["numbers"]:
        frame[name] = pd.to_numeric(text[name], errors="coerce")
    for name in [*job["categories"], "label"]:
        frame[name] = text[name].where(text[name] != "")
    frame["_event_time"] = frame["at"]
    frame["_row_id"] = [hashlib.sha256(value.encode()).hexdigest()[:24] for value in frame["id"]]
    failing = validate(job, frame)
    accepted = frame.drop(index=failing)
    publish(job, {"digest": digest, "name": path.name, "delivered": len(frame)}, accepted, failing)
    return accepted


def validate(job: Job, frame: pd.DataFrame) -> list[int]:
    context = gx.get_context(mode="ephemeral")
    asset = context.data_sources.add_pandas("batch").add_dataframe_asset("rows")
    batch = asset.add_batch_definition_whole_dataframe("all")
    known = gx.expectations
    some = {"min_value": 0.0, "strict_min": True}
    rules: list[Any] = [known.ExpectTableRowCountToBeBetween(min_value=1)]
    rules += [
        known.ExpectColumnProportionOfNonNullValuesToBeBetween(column=name, **some)
        for name in ["id", "at", *job["numbers"], *job["categories"]]
    ]
    rules.append(known.ExpectColumnValuesToBeUnique(column="id"))
    limits = {"min_value": job["low"], "max_value": job["high"]}
    rules.append(known.ExpectColumnValuesToBeBetween(column=job["numbers"][0], **limits))
    suite = context.suites.add(gx.ExpectationSuite(name="suite", expectations=rules))
    run = context.validation_definitions.add(gx.ValidationDefinition(name="run", data=batch, suite=suite))
    wanted = {"result_format": "COMPLETE", "unexpected_index_column_names": ["_row_number"]}
    result = run.run(batch_parameters={"dataframe": frame.assign(_row_number=frame.index)}, result_format=wanted)
    found = [entry for answer in result.results for entry in answer.result.get("unexpected_index_list") or []]
    return sorted({int(entry["_row_number"]) for entry in found})


def publish(job: Job, about: dict[str, Any], accepted: pd.DataFrame, failing: list[int]) -> None:
    own = {"_batch_id": about["digest"][:32], "_ingested_at": pd.Timestamp(job["as_of"])}
    known_at = accepted["_event_time"] + pd.Timedelta(job["label_delay"])
    label = (accepted["label"] == "1").astype("float64")
    counts = {"delivered": about["delivered"], "accepted": len(accepted), "quarantined": len(failing), "refusal": "",
              "warnings": ""}  # fmt: skip
    span = {"first_event": accepted["_event_time"].min(), "last_event": accepted["_event_time"].max()}
    batch = {**own, "sha256": about["digest"], "name": about["name"], "kind": "events", **counts, **span}
    append(job, "labels", accepted[["_row_id"]].assign(label=label, known_at=known_at, _batch_id=own["_batch_id"]))
    append(job, "quarantine", pd.DataFrame({"_row_number": failing, "rule": "expectations"}).assign(**own))
    append(job, "events", accepted.drop(columns="label").assign(**own))
    append(job, "batches", pd.DataFrame([batch]))


def append(job: Job, table: str, frame: pd.DataFrame) -> None:
    opened = DeltaTable(f"{job['store']}/{table}")
    schema = pa.schema(opened.schema().to_arrow())
    rows = pa.Table.from_pandas(frame.reindex(columns=schema.names), preserve_index=False).cast(schema)  # unknown: null
    write_deltalake(opened, rows, mode="append")


def score(job: Job, events: pd.DataFrame) -> tuple[Any, pd.DataFrame]:
    version = mlflow.MlflowClient().get_model_version_by_alias(job["model"], "champion")
    with TemporaryDirectory() as folder:
        path = mlflow.artifacts.download_artifacts(f"models:/{job['model']}/{version.version}", dst_path=folder)
        model = skops.io.load(Path(path) / "model.skops", trusted=TRUSTED)
    matrix = events[[*job["numbers"], *job["categories"]]].copy()
    matrix[job["categories"]] = matrix[job["categories"]].fillna("(missing)")
    kept = events[["_row_id", "_event_time"]].assign(_batch_id=events["_row_id"].iloc[0][:8])
    own: dict[str, Any] = {"model_version": int(version.version), "scored_at": pd.Timestamp(job["as_of"])}
    predictions = kept.assign(prediction=model.predict_proba(matrix)[:, 1], **own)
    append(job, "predictions", predictions)
    return version, predictions


def watch(job: Job, version: Any) -> tuple[int, float]:
    end = pd.Timestamp(job["as_of"]).to_pydatetime()
    start = end - pd.Timedelta(job["window"]).to_pytimedelta()
    inside = (pc.field("_event_time") >= start) & (pc.field("_event_time") < end)
    mine = inside & (pc.field("model_version") == int(version.version))
    predictions = read(job, "predictions", ["_row_id", "prediction"], mine)
    labels = read(job, "labels", ["_row_id", "label"], pc.field("known_at") <= end)
    joined = predictions.merge(labels, on="_row_id")
    auc = float(roc_auc_score(joined["label"], joined["prediction"]))
    columns = [*job["numbers"], *job["categories"]]
    current = read(job, "events", ["_row_id", *columns], inside).merge(predictions, on="_row_id")
    current = current.sample(min(len(current), job["max_rows"]), random_state=0)[[*columns, "prediction"]]
    reference = pd.read_parquet(job["reference"])[[*columns, "prediction"]]
    return report(job, current, reference, version.run_id), auc


def read(job: Job, table: str, columns: list[str], where: Any) -> pd.DataFrame:
    dataset = DeltaTable(f"{job['store']}/{table}").to_pyarrow_dataset()
    frame: pd.DataFrame = dataset.to_table(columns=columns, filter=where).to_pandas()
    return frame


def report(job: Job, current: pd.DataFrame, reference: pd.DataFrame, run_id: str) -> int:
    numbers = [*job["numbers"], "prediction"]
    definition = DataDefinition(numerical_columns=numbers, categorical_columns=job["categories"])
    methods = dict.fromkeys(numbers, "wasserstein") | dict.fromkeys(job["categories"], "jensenshannon")
    metrics = [ValueDrift(column=name, method=method, threshold=0.1) for name, method in methods.items()]
    snapshot = Report(list(metrics)).run(
        Dataset.from_pandas(current, definition), Dataset.from_pandas(reference, definition)
    )
    workspace = Workspace(job["workspace"])
    found = workspace.search_project(job["model"])
    project = found[0] if found else workspace.create_project(job["model"])
    workspace.add_run(project.id, snapshot)
    with TemporaryDirectory() as folder:
        snapshot.save_html(str(Path(folder) / "evidently.html"))
        mlflow.MlflowClient().log_artifacts(run_id, folder, "bare")
    return sum(float(result.value) >= 0.1 for result in snapshot.metric_results.values())


if __name__ == "__main__":
    print(json.dumps(main(json.loads(Path(sys.argv[1]).read_text()))))
