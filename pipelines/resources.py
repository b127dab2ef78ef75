"""The vocabulary of places: what each step asks of a cluster. The only user of kfp-kubernetes.

On a laptop `kfp.local` ignores all of it but the retries; the runner sets the same environment there.
"""

from kfp import kubernetes
from kfp.dsl import PipelineTask

ACCOUNT = "medgantry-pipeline"
"""The ServiceAccount of manifests/ that may do what our steps do."""
STORE_CONFIG, STORE_SECRET, TRACKING_SECRET = (
    "medgantry-store",
    "medgantry-store-credentials",
    "medgantry-tracking-credentials",
)
"""Names that a namespace which runs pipelines has; docs/cluster.md lists their keys."""
DEIDENTIFICATION_SECRET, ARCHIVE_SECRET = "medgantry-deidentification", "medgantry-archive-credentials"
"""Names that it has where DICOM is ingested."""
_SETTINGS = ("MEDGANTRY_STORE", "MEDGANTRY_S3_ENDPOINT", "MEDGANTRY_S3_TLS", "MLFLOW_TRACKING_URI")
_OPTIONAL_SETTINGS = ("MEDGANTRY_S3_REGION", "MEDGANTRY_S3_SSE")
_CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_ARCHIVE = (
    "MEDGANTRY_DICOMWEB_TOKEN",
    "MEDGANTRY_DICOMWEB_USERNAME",
    "MEDGANTRY_DICOMWEB_PASSWORD",
    "MEDGANTRY_DIMSE_USERNAME",
    "MEDGANTRY_DIMSE_PASSWORD",
    "MEDGANTRY_NBIA_TOKEN",
)
_TRACKING = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")


def with_retries(task: PipelineTask) -> PipelineTask:
    """Retry with backoff: another process can help when a pod or the store went away."""
    return task.set_retry(
        num_retries=2, backoff_duration="5s", backoff_factor=2.0, backoff_max_duration="60s"
    )


def light(task: PipelineTask) -> PipelineTask:
    """A step that reads tables and lists."""
    return _place(task.set_cpu_request("250m").set_memory_request("512Mi").set_memory_limit("4Gi"))


def heavy(task: PipelineTask, memory: str) -> PipelineTask:
    """A step that holds volumes and runs networks, with memory for tensors that processes share.

    Args:
        task: The step.
        memory: Limit of its memory, such as `16Gi`; a pipeline parameter.
    """
    kubernetes.empty_dir_mount(task, volume_name="shm", mount_path="/dev/shm", medium="Memory")
    return _place(task.set_cpu_request("1").set_memory_request("2Gi").set_memory_limit(memory))


def workers(task: PipelineTask, cpu: str, memory: str, gpus: int) -> PipelineTask:
    """The training step: what is asked for here is passed on to its workers.

    Args:
        task: The step.
        cpu: Cores of one pod; a pipeline parameter.
        memory: Memory of one pod; a pipeline parameter.
        gpus: Accelerators of one pod, 0 for the CPU; a pipeline parameter.
    """
    task.set_cpu_request(cpu).set_cpu_limit(cpu).set_memory_request(memory).set_memory_limit(memory)
    task.set_accelerator_type("nvidia.com/gpu").set_accelerator_limit(gpus)
    return _place(task)


def with_archive(task: PipelineTask) -> PipelineTask:
    """A step that reads from an archive or a PACS: its login, and the key that pseudonyms are made with."""
    for secret, keys in (
        (DEIDENTIFICATION_SECRET, ("MEDGANTRY_DEIDENTIFICATION_KEY",)),
        (ARCHIVE_SECRET, _ARCHIVE),
    ):
        kubernetes.use_secret_as_env(task, secret, {key: key for key in keys}, optional=True)
    return task


def _place(task: PipelineTask) -> PipelineTask:
    for keys, optional in ((_SETTINGS, False), (_OPTIONAL_SETTINGS, True)):
        variables = {key: key for key in keys}
        kubernetes.use_config_map_as_env(task, STORE_CONFIG, variables, optional=optional)
    for secret, keys, optional in (
        (STORE_SECRET, _CREDENTIALS, False),
        (STORE_SECRET, ("AWS_SESSION_TOKEN",), True),
        (TRACKING_SECRET, _TRACKING, True),
    ):
        kubernetes.use_secret_as_env(task, secret, {key: key for key in keys}, optional=optional)
    kubernetes.use_field_path_as_env(task, "MEDGANTRY_RUN_ID", "metadata.labels['pipeline/runid']")
    kubernetes.set_security_context(task, run_as_non_root=True)
    # KFP's cache knows an artifact by its name, not its content; our steps know what they did by content.
    return task.set_caching_options(False)
