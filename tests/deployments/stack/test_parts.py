"""Serving is a part of the stack where it is asked for, and its token is in its own environment only."""

from config.settings import Settings
from deployments.stack.parts import build_parts, needed

PORTS = {"prefect": 1, "mlflow": 2, "evidently": 3, "worker": 4, "serving": 5}


def test_serving_is_started_where_it_is_asked_for(tmp_path, monkeypatch):
    for name in ("PREFECT_API_URL", "MLFLOW_TRACKING_URI", "KEEPFIT_EVIDENTLY_URL"):
        monkeypatch.delenv(name, raising=False)
    assert "serving" not in needed(Settings(home=tmp_path))
    monkeypatch.setenv("KEEPFIT_SERVING_TOKEN", "a-long-enough-token")
    monkeypatch.setenv("KEEPFIT_SERVE", "true")
    settings = Settings(home=tmp_path)
    parts = {part.name: part for part in build_parts(settings, PORTS)}
    assert parts["serving"].health == "http://127.0.0.1:5/health"
    assert [name for name, part in parts.items() if "KEEPFIT_SERVING_TOKEN" in part.environment] == ["serving"]
    assert "a-long-enough-token" not in repr(settings)
