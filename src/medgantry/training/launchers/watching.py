"""A job's changes: a watch, and a fresh look whenever the watch breaks or has nothing to say."""

from collections.abc import Iterator

import urllib3
from kubernetes import watch
from kubernetes.client.exceptions import ApiException

from medgantry.cluster import Cluster, Manifest
from medgantry.training.launchers.job_kind import JobKind

LOOK_SECONDS = 5
"""A fresh look at least this often: a watch may be cut without a word."""


def changes(
    cluster: Cluster, kind: JobKind, name: str, every: int = LOOK_SECONDS
) -> Iterator[Manifest | None]:
    """The job as it is now, and again at each change or after some seconds; None when it is gone.

    Args:
        cluster: The cluster.
        kind: The kind.
        name: The job.
        every: Seconds between fresh looks.
    """
    while True:
        job = cluster.get(kind.resource, name)
        yield job
        if job is None:
            continue
        watcher = watch.Watch()
        try:
            for event in watcher.stream(
                cluster.custom.list_namespaced_custom_object,
                kind.resource.group,
                kind.resource.version,
                cluster.namespace,
                kind.resource.plural,
                field_selector=f"metadata.name={name}",
                resource_version=job["metadata"]["resourceVersion"],
                timeout_seconds=every,
                _request_timeout=every + 10,
            ):
                yield None if event["type"] == "DELETED" else event["raw_object"]
        except (ApiException, urllib3.exceptions.HTTPError, OSError):
            continue  # gone, busy or cut: the fresh look has the patience, and says what is wrong if it lasts
        finally:
            watcher.stop()
