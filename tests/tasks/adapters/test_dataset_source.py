"""A data set by name is delivered once, whole, with times; offline it is said what is missing."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from hashlib import md5

import pytest
from pydantic import ValidationError
from sklearn import datasets

from tasks.adapters.sources import Dataset
from tasks.adapters.sources.dataset import BUNDLED
from tasks.core.errors import ConfigInvalid, SourceUnavailable

NOW = datetime(2024, 6, 1, tzinfo=UTC)
BEGIN = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("name", BUNDLED)
def test_a_data_set_is_delivered_once_with_its_values_and_times(tmp_path, name):
    source = Dataset(name=name, start=BEGIN, step="30m")
    source.deliver(NOW, tmp_path, [])
    (path,) = source.listing(tmp_path).ready
    whole = path.read_bytes()
    source.deliver(NOW, tmp_path, [])
    assert path.read_bytes() == whole
    frame, expected = source.read(path), getattr(datasets, f"load_{name}")(as_frame=True).frame
    assert frame.drop(columns="at").equals(expected)
    assert frame["at"].tolist() == [BEGIN + n * timedelta(minutes=30) for n in range(len(expected))]
    path.unlink()
    source.deliver(NOW, tmp_path, [path.name])
    assert source.listing(tmp_path).ready == ()


def test_a_damaged_delivery_is_made_anew(tmp_path):
    source = Dataset(name="wine", start=BEGIN)
    source.deliver(NOW, tmp_path, [])
    (path,) = source.listing(tmp_path).ready
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    source.deliver(NOW, tmp_path, [])
    assert path.read_bytes() == whole


def test_a_column_of_times_is_there_or_made(tmp_path):
    with pytest.raises(ConfigInvalid, match=r"no column 'at'.*source\.start"):
        Dataset(name="wine").deliver(NOW, tmp_path, [])
    with pytest.raises(ConfigInvalid, match="has a column 'alcohol'"):
        Dataset(name="wine", time="alcohol", start=BEGIN).deliver(NOW, tmp_path, [])
    Dataset(name="wine", time="alcohol").deliver(NOW, tmp_path, [])
    assert len(list(tmp_path.iterdir())) == 1


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """No net, and a folder of scikit-learn's own for what it keeps."""
    for name in ("https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path / "home"))
    return tmp_path / "home" / "openml" / "openml.org"


ARFF = b"@relation t\n@attribute n numeric\n@attribute c {a,b}\n@data\n1.5,a\n?,b\n"
KEPT = {
    "api/v1/json/data/list/data_name/tiny/limit/2/data_version/1": {"data": {"dataset": [{"did": 7, "version": 1}]}},
    "api/v1/json/data/7": {"data_set_description": {
        "id": "7", "name": "tiny", "description": "",
        "version": "1", "status": "active", "format": "ARFF", "file_id": "8",
        "url": "https://www.openml.org/data/v1/download/8/tiny.arff",
        "md5_checksum": md5(ARFF, usedforsecurity=False).hexdigest(),
        "default_target_attribute": "c",
    }},
    "api/v1/json/data/features/7": {"data_features": {"feature": [
        {"index": "0", "name": "n", "data_type": "numeric", "is_target": "false", "is_ignore": "false",
         "is_row_identifier": "false",
         "number_of_missing_values": "0"},
        {"index": "1", "name": "c", "data_type": "nominal", "nominal_value": ["a", "b"], "is_target": "true",
         "is_ignore": "false",
         "is_row_identifier": "false",
         "number_of_missing_values": "0"},
    ]}},
    "api/v1/json/data/qualities/7": {"data_qualities": {"quality": [{"name": "NumberOfInstances", "value": "2"}]}},
    "data/v1/download/8/tiny.arff": ARFF,
}  # fmt: skip


def test_what_openml_gave_once_is_there_offline(tmp_path, offline):
    for name, content in KEPT.items():
        path = offline / f"{name}.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content if isinstance(content, bytes) else json.dumps(content).encode()))
    source = Dataset(name="tiny", version=1, start=BEGIN)
    source.deliver(NOW, tmp_path / "inbox", [])
    (path,) = source.listing(tmp_path / "inbox").ready
    assert path.name == "dataset tiny version 1.parquet"
    frame = source.read(path)
    assert (frame["c"].tolist(), frame["n"].isna().tolist()) == (["a", "b"], [False, True])


def test_offline_it_is_said_what_is_missing(tmp_path, offline):
    with pytest.raises(SourceUnavailable, match=r"OpenML did not answer.*adult.*or name one .*wine") as caught:
        Dataset(name="adult", version=2, start=BEGIN).deliver(NOW, tmp_path / "inbox", [])
    assert caught.value.__suppress_context__
    assert list((tmp_path / "inbox").iterdir()) == []


@pytest.mark.parametrize(
    "wrong", [{"name": "adult"}, {"name": "../wine", "version": 1}, {"start": "2024-01-01T00:00:00"}, {"version": 0}]
)
def test_a_source_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValidationError):
        Dataset(**({"name": "wine"} | wrong))
