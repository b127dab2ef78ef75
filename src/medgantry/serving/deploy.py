"""Deployment: write what shall be served, wait until the place made it so, and prove it with the golden case.

On a laptop the runner supervises; in a cluster KServe does. A step leaves no server behind.
"""

import json
import time
import uuid
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nibabel
import numpy as np
import urllib3

from medgantry.errors import MedgantryError, ObjectMissing
from medgantry.fingerprint import canonical_json
from medgantry.registry.deployments import desired_key, status_key
from medgantry.registry.golden import FOLDER, LABELS, Golden
from medgantry.registry.publish import publish_champion
from medgantry.steps import StepRecord
from medgantry.storage import ObjectStore, fetch_folder

PATIENCE_SECONDS = 180.0


class DeploymentFailed(MedgantryError):
    """The endpoint did not come up, or does not give what evaluation gave."""


def deploy(name: str, store: ObjectStore, record: StepRecord) -> dict[str, Any]:
    """Serve the champion and check it.

    Returns:
        `url`, `model`, `version`, `golden` (case id), `equal`, `seconds`.

    Raises:
        DeploymentFailed: If the endpoint is not ready in time, or its label map differs from evaluation's.
    """
    version, prefix = publish_champion(name, store)
    record.use(prefix)
    generation = uuid.uuid4().hex
    desired = {"model": name, "version": version, "prefix": prefix, "generation": generation}
    store.put_bytes(desired_key(name), canonical_json(desired).encode())
    url = _wait(store, name, generation)
    check = _golden_inference(name, prefix, url, store)
    endpoint = {"url": url, "model": name, "version": version, **check}
    record.facts = {"endpoint": endpoint}
    if not check["equal"]:
        raise DeploymentFailed(
            f"{url} gives another label map for case {check['golden']} than evaluation stored "
            f"({check['different_voxels']} voxels differ).",
            "The versions of torch or MONAI differ between training and serving.",
        )
    return endpoint


def _wait(store: ObjectStore, name: str, generation: str) -> str:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            status = json.loads(store.get_bytes(status_key(name)))
        except ObjectMissing:
            status = {}
        if status.get("generation") == generation:
            if status["state"] == "failed":
                raise DeploymentFailed(f"The model server did not start: {status['message']}.")
            return str(status["url"])
        time.sleep(0.3)
    raise DeploymentFailed(
        f"Nobody made deployment {name} ready in {PATIENCE_SECONDS:.0f} s.",
        "On a laptop the runner supervises endpoints: use `python -m pipelines run`.",
    )


def _golden_inference(name: str, prefix: str, url: str, store: ObjectStore) -> dict[str, Any]:
    with TemporaryDirectory(prefix="medgantry-golden-") as scratch:
        folder = Path(scratch) / "bundle"
        fetch_folder(store, prefix, folder)
        golden = Golden.open(folder)
        answer_key = f"deployments/{name}.golden.nii.gz"
        request = {
            "inputs": [
                {
                    "name": channel,
                    "shape": [1],
                    "datatype": "BYTES",
                    "data": [store.uri(f"{prefix}/{FOLDER}/{file}")],
                    "parameters": {"channel_index": index},
                }
                for channel, (file, index) in golden.channels.items()
            ],
            "parameters": {"output_uri": store.uri(answer_key)},
        }
        began = time.monotonic()
        response = urllib3.request("POST", f"{url}/v2/models/{name}/infer", json=request, timeout=600.0)
        seconds = time.monotonic() - began
        if response.status != 200:
            raise DeploymentFailed(f"{url} answered {response.status}: {response.data[:500]!r}.")
        answer = Path(scratch) / "answer.nii.gz"
        store.download(answer_key, answer)
        found = np.asanyarray(nibabel.load(answer).dataobj)
        wanted = np.asanyarray(nibabel.load(golden.folder / LABELS).dataobj)
    same_shape = found.shape == wanted.shape
    different = int((found != wanted).sum()) if same_shape else int(wanted.size)
    return {
        "golden": golden.case_id,
        "equal": same_shape and different == 0,
        "different_voxels": different,
        "seconds": seconds,
    }
