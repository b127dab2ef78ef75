"""The vocabulary of places: retries here, GPU, memory and volumes with the cluster."""

from kfp.dsl import PipelineTask


def with_retries(task: PipelineTask) -> PipelineTask:
    """Retry with backoff: another process can help when a pod or the store went away."""
    return task.set_retry(
        num_retries=2, backoff_duration="5s", backoff_factor=2.0, backoff_max_duration="60s"
    )
