"""What `keepfit tune` prints to paste is what it proposes, and leaves everything else of the file as it was."""

from dataclasses import replace
from datetime import timedelta

import pytest
import yaml

from config.load import load_file
from config.proposal import snippet_of
from config.settings import PROJECT
from flows.simulation import setting_of
from tasks.core.tuning import Thresholds

PIPELINE = PROJECT / "config" / "pipelines" / "subscriptions.yaml"
NOW = Thresholds.of(setting_of(load_file(PIPELINE)))


@pytest.mark.parametrize(
    ("proposed", "sections"),
    [
        (NOW, set()),
        (replace(NOW, max_loss=0.075), {"performance"}),
        (replace(NOW, cooldown=timedelta(days=10)), {"governor"}),
        (Thresholds(0.3, 0.8, timedelta(hours=36)), {"performance", "governor"}),
    ],
)
def test_the_snippet_put_into_the_file_is_the_proposed_setting(tmp_path, proposed, sections):
    config = load_file(PIPELINE)
    wanted = proposed.put_into(setting_of(config))
    pasted = yaml.safe_load(snippet_of(config, wanted)) or {}
    assert set(pasted) == sections
    path = tmp_path / PIPELINE.name
    path.write_text(yaml.safe_dump(yaml.safe_load(PIPELINE.read_text()) | pasted))
    assert setting_of(load_file(path)) == wanted
    assert pasted.get("performance", {}).get("window") in {"31d", None}
