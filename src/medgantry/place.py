"""Where this process runs."""

import os


def in_cluster() -> bool:
    """Whether this is a pod: a step that KFP started, or any other."""
    return bool(os.environ.get("KUBERNETES_SERVICE_HOST") or os.environ.get("KFP_POD_NAME"))
