"""The proof of an endpoint: it answers the golden case with the label map that evaluation stored."""

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nibabel
import numpy as np
import urllib3

from medgantry.registry.golden import FOLDER, LABELS, Golden
from medgantry.serving.target import DeploymentFailed, Endpoint, Release
from medgantry.storage import ObjectStore, fetch_folder
from medgantry.storage.folders import published_hash

_ROUTING_SECONDS = 60.0
"""How long requests may still meet an older release after the place said it is ready."""
_REQUEST_SECONDS = 600.0


@dataclass(frozen=True, kw_only=True)
class GoldenCheck:
    """What an endpoint made of the golden case."""

    golden: str
    """The case."""
    equal: bool
    different_voxels: int
    seconds: float

    def document(self) -> dict[str, Any]:
        """As the step's record has it."""
        return asdict(self)


def check_golden(endpoint: Endpoint, release: Release, store: ObjectStore) -> GoldenCheck:
    """Ask an endpoint for the golden case.

    Raises:
        DeploymentFailed: If it does not answer, or only an older release does.
    """
    with TemporaryDirectory(prefix="medgantry-golden-") as scratch:
        folder = Path(scratch) / "bundle"
        fetch_folder(store, release.prefix, folder)
        golden = Golden.open(folder)
        answer_key = f"deployments/{endpoint.model}.golden.nii.gz"
        request = _request(golden, release, answer_key, store)
        seconds = _ask(endpoint, published_hash(store, release.prefix), request)
        answer = Path(scratch) / "answer.nii.gz"
        store.download(answer_key, answer)
        found = np.asanyarray(nibabel.load(answer).dataobj)
        wanted = np.asanyarray(nibabel.load(golden.folder / LABELS).dataobj)
    different = int((found != wanted).sum()) if found.shape == wanted.shape else int(wanted.size)
    return GoldenCheck(
        golden=golden.case_id, equal=not different, different_voxels=different, seconds=seconds
    )


def _request(golden: Golden, release: Release, answer_key: str, store: ObjectStore) -> dict[str, Any]:
    return {
        "inputs": [
            {
                "name": channel,
                "shape": [1],
                "datatype": "BYTES",
                "data": [store.uri(f"{release.prefix}/{FOLDER}/{file}")],
                "parameters": {"channel_index": index},
            }
            for channel, (file, index) in golden.channels.items()
        ],
        "parameters": {"output_uri": store.uri(answer_key)},
    }


def _ask(endpoint: Endpoint, wanted: str, request: dict[str, Any]) -> float:
    """Ask until the wanted release answers; returns the seconds it took."""
    url = f"{endpoint.url}/v2/models/{endpoint.model}/infer"
    deadline = time.monotonic() + _ROUTING_SECONDS
    while True:
        began = time.monotonic()
        try:
            response = urllib3.request("POST", url, json=request, timeout=_REQUEST_SECONDS)
        except urllib3.exceptions.HTTPError as error:
            raise DeploymentFailed(f"{url} does not answer: {error}.") from error
        found = json.loads(response.data).get("model_version") if response.status == 200 else None
        if found == wanted:
            return time.monotonic() - began
        if time.monotonic() > deadline:
            raise DeploymentFailed(
                f"{url} answered {response.status}: {response.data[:500]!r}."
                if response.status != 200
                else f"{url} still serves release {found}, not {wanted}."
            )
        time.sleep(1.0)
