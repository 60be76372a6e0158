"""Links on a run's page lead to the vendors' pages and carry nobody's password."""

from tasks import links


def test_links_lead_to_the_pages_without_credentials(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://ann:top/se@cret@mlflow.example")
    monkeypatch.setenv("KEEPFIT_EVIDENTLY_URL", "https://ann:top/se@cret@evidently.example/")
    shown = links.version_links("p", 2, "r1") | links.report_link("/projects/1")
    assert shown == {
        "model version": "https://mlflow.example/#/models/p/versions/2?workflowType=machine_learning",
        "MLflow run": "https://mlflow.example/#/runs/r1",
        "Evidently report": "https://evidently.example/projects/1",
    }
