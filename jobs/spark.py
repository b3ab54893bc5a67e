"""The Spark session of a job: a client of a Spark Connect server, or a driver of its own."""

import atexit
import os
import signal
import socket
import sys
import threading
from urllib.parse import urlsplit

from grpc import RpcError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from jobs import executors, settings
from jobs.errors import JobError

DRIVER = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
}
ALONE = {  # on one machine: Spark's own 200 and Delta's 50 tasks a step are mostly waiting for each other
    "spark.sql.shuffle.partitions": "4",
    "spark.databricks.delta.snapshotPartitions": "2",
    # Java never compiles methods of 8,000 bytes or more; what Spark makes of 41 columns is one: 135 us a line, now 80.
    "spark.driver.extraJavaOptions": "-XX:-DontCompileHugeMethods",
}
REACH = 10  # seconds
CONNECT = ("SPARK_REMOTE", "SPARK_CONNECT_MODE_ENABLED")
"""What makes pyspark ask a server even for a driver of its own; a parent that is a client leaves the second behind."""

SESSION = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.connect.serverStacktrace.enabled": "false",  # the Python traceback says where
    "spark.sql.sources.parallelPartitionDiscovery.parallelism": "64",  # VACUUM lists in as many tasks: else 10,000
    "spark.sql.optimizer.enableCsvExpressionOptimization": "false",  # it would read a line once for each field
    "spark.sql.optimizer.windowGroupLimitThreshold": "-1",  # it would sort rows that are nearly all distinct twice
}


def session(name: str, *, own: bool = False) -> SparkSession:
    """The session, named for the job that runs in it.

    Args:
        name: That of the job.
        own: Whether the job is its own driver, also where there is a server: training and streams are.

    Raises:
        JobError: `SPARK_REMOTE` is set and nothing answers there.
    """
    settings.load(settings.Lake)  # said before a session is paid for
    spark = settings.load(settings.Spark)
    builder = SparkSession.builder.appName(name)
    if spark.remote and not own:
        return _connected(builder.remote(spark.remote), spark.remote)
    for each in CONNECT:
        os.environ.pop(each, None)
    options = executors.options(spark) if executors.wanted(spark) else _jars(spark)
    return builder.master(spark.master).config(map={**DRIVER, **options, **SESSION, **spark.options}).getOrCreate()


def _jars(spark: settings.Spark) -> dict[str, str]:
    """What Spark needs beside its own, where the driver is all there is; its own default is as much as the pod has."""
    own = {**ALONE, "spark.driver.memory": spark.driver_memory}
    return own | ({"spark.jars": ",".join(map(str, sorted(spark.jars.glob("*.jar"))))} if spark.jars else {})


def _connected(builder: SparkSession.Builder, remote: str) -> SparkSession:
    where = urlsplit(remote)
    try:  # the client itself would go on trying for ten minutes
        socket.create_connection((where.hostname or "", where.port or 15002), timeout=REACH).close()
        connected = builder.getOrCreate()
        for name, value in SESSION.items():
            connected.conf.set(name, value)
    except (OSError, PySparkException, RpcError) as error:
        raise JobError(
            f"no Spark Connect server answers at {remote}: {str(error).splitlines()[0]}",
            hint="make status",
        ) from error
    _end_together(connected)
    return connected


def _end_together(connected: SparkSession) -> None:
    """End what the server does for this process when it ends or is told to: it would go on for minutes, and commit."""

    def end() -> None:
        connected.client.set_retry_policies([])  # a server that is gone is not waited for
        connected.stop()

    atexit.register(end)
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
