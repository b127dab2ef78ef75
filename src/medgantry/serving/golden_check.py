"""The proof of an endpoint: it answers the golden case as evaluation did."""

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
_SAME_PROBABILITY = 1e-4
"""Machines of other kinds add up in another order; label maps, being thresholded, are the same voxel for voxel."""


@dataclass(frozen=True, kw_only=True)
class GoldenCheck:
    """What an endpoint made of the golden case."""

    golden: str
    """The case."""
    equal: bool
    difference: str
    """In words; empty when equal."""
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
        golden, wanted = Golden.open(folder), published_hash(store, release.prefix)
        if golden.probabilities:
            seconds, answer = _ask(endpoint, wanted, {"inputs": _inputs(golden, release, store)})
            difference = _compare_classes(answer, golden)
        else:
            prefix = f"answers/golden/{endpoint.model}"
            request = {
                "inputs": _inputs(golden, release, store),
                "outputs": [{"name": "label_map_nifti"}],
                "parameters": {"output_prefix": store.uri(prefix)},
            }
            seconds, _ = _ask(endpoint, wanted, request)
            store.download(f"{prefix}/label_map.nii.gz", Path(scratch) / "answer.nii.gz")
            difference = _compare_labels(Path(scratch) / "answer.nii.gz", golden)
    return GoldenCheck(golden=golden.case_id, equal=not difference, difference=difference, seconds=seconds)


def _compare_labels(answer: Path, golden: Golden) -> str:
    found = np.asanyarray(nibabel.load(answer).dataobj)
    wanted = np.asanyarray(nibabel.load(golden.folder / LABELS).dataobj)
    if found.shape != wanted.shape:
        return f"the label map is {found.shape}, {wanted.shape} was wanted"
    different = int((found != wanted).sum())
    return f"{different} voxels differ" if different else ""


def _compare_classes(answer: dict[str, Any], golden: Golden) -> str:
    outputs = {output["name"]: output["data"] for output in answer["outputs"]}
    found = dict(zip(outputs["classes"], outputs["probabilities"], strict=True))
    if set(found) != set(golden.probabilities):
        return f"the classes are {sorted(found)}, {sorted(golden.probabilities)} were wanted"
    far = {name: abs(found[name] - value) for name, value in golden.probabilities.items()}
    name = max(far, key=lambda name: far[name])
    if far[name] <= _SAME_PROBABILITY:
        return ""
    return f"the probability of {name} is {found[name]:.6f}, {golden.probabilities[name]:.6f} was wanted"


def _inputs(golden: Golden, release: Release, store: ObjectStore) -> list[dict[str, Any]]:
    return [
        {
            "name": channel,
            "shape": [1],
            "datatype": "BYTES",
            "data": [store.uri(f"{release.prefix}/{FOLDER}/{file}")],
            "parameters": {"channel_index": index},
        }
        for channel, (file, index) in golden.channels.items()
    ]


def _ask(endpoint: Endpoint, wanted: str, request: dict[str, Any]) -> tuple[float, dict[str, Any]]:
    """Ask until the wanted release answers; returns the seconds it took and the answer."""
    url = f"{endpoint.url}/v2/models/{endpoint.model}/infer"
    deadline = time.monotonic() + _ROUTING_SECONDS
    while True:
        began = time.monotonic()
        try:
            response = urllib3.request("POST", url, json=request, timeout=_REQUEST_SECONDS)
        except urllib3.exceptions.HTTPError as error:
            raise DeploymentFailed(f"{url} does not answer: {error}.") from error
        answer = json.loads(response.data) if response.status == 200 else {}
        found = answer.get("model_version")
        if found == wanted:
            return time.monotonic() - began, answer
        if time.monotonic() > deadline:
            raise DeploymentFailed(
                f"{url} answered {response.status}: {response.data[:500]!r}."
                if response.status != 200
                else f"{url} still serves release {found}, not {wanted}."
            )
        time.sleep(1.0)
