"""Executors for a driver that is itself a pod (`SPARK_MASTER=k8s://...`): what Spark must be told. Pure."""

from jobs import settings
from jobs.errors import JobError

SCHEME = "k8s://"
FIXED = {
    "spark.authenticate": "true",  # Spark makes a secret for each session
    "spark.driver.bindAddress": "0.0.0.0",  # noqa: S104 - the pod's own network
    # Without these the driver would ask for rights on ConfigMaps, Services and PersistentVolumeClaims, too.
    "spark.kubernetes.executor.disableConfigMap": "true",
    "spark.kubernetes.driver.service.deleteOnTermination": "false",
    "spark.kubernetes.driver.ownPersistentVolumeClaim": "false",
    "spark.kubernetes.driver.reusePersistentVolumeClaim": "false",
}


def wanted(spark: settings.Spark) -> bool:
    """Whether the master is a Kubernetes, so that the driver starts pods."""
    return spark.master.startswith(SCHEME)


def options(spark: settings.Spark) -> dict[str, str]:
    """Spark's options for a driver in this pod and executors in pods of their own, of the same image.

    Raises:
        JobError: The environment does not say what this pod is.
    """
    own = {
        "SPARK_IMAGE": spark.image,
        "SPARK_NAMESPACE": spark.namespace,
        "SPARK_DRIVER_HOST": spark.driver_host,
        "SPARK_DRIVER_POD": spark.driver_pod,
    }
    if missing := [name for name, value in own.items() if not value]:
        raise JobError(
            f"SPARK_MASTER is {spark.master}, and {', '.join(missing)} is not set",
            hint="workflows/step.py gives a pod what it is called; SPARK_IMAGE goes into the Secret `spark`",
        )
    made = {
        **FIXED,
        "spark.kubernetes.container.image": spark.image,
        "spark.kubernetes.namespace": spark.namespace,
        "spark.driver.host": spark.driver_host,
        "spark.kubernetes.driver.pod.name": spark.driver_pod,  # its end is the executors' end
        "spark.driver.memory": spark.driver_memory,
        "spark.executor.instances": str(spark.executors),
        "spark.executor.cores": str(spark.executor_cores),
        "spark.executor.memory": spark.executor_memory,
        "spark.kubernetes.executor.podTemplateFile": str(spark.executor_template),
        "spark.kubernetes.executor.podTemplateContainerName": "executor",
    }
    if spark.jars:  # in the image of both, so nothing is sent or copied as with spark.jars
        made |= dict.fromkeys(("spark.driver.extraClassPath", "spark.executor.extraClassPath"), f"{spark.jars}/*")
    return made
