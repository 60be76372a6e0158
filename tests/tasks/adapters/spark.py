"""Spark for tests: the engine as they use it, and its end, so that no Java is left behind."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from tasks.adapters.engines import SparkEngine
from tests.e2e.needs import cannot_run, is_missing

FEW = {
    "spark.sql.shuffle.partitions": "1", "spark.driver.memory": "1g", "spark.sql.adaptive.enabled": "false",
    "spark.ui.enabled": "false", "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1",
}  # fmt: skip
"""Few rows are through sooner when Java thinks less about how."""


def refuse_without_spark() -> None:
    """End the test, as CI or a person needs it, where there is no Java or no Spark."""
    if shutil.which("java") is None:
        is_missing("Java", "default-jre-headless")
    if find_spec("pyspark") is None:
        cannot_run("this test needs Spark, and it is not installed: pip install -r requirements-spark.lock")


@contextmanager
def spark() -> Iterator[SparkEngine]:
    """An engine on two cores of this machine; afterwards its session and its Java are gone."""
    refuse_without_spark()
    yield SparkEngine(kind="spark", master="local[2]", settings=FEW)
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    if (session := SparkSession.getActiveSession()) is not None:
        gateway = SparkContext._gateway
        java = gateway.proc
        session.stop()
        gateway.shutdown()
        java.stdin.close()  # which is how it is told to end
        java.wait(60)
        SparkContext._gateway = SparkContext._jvm = None
