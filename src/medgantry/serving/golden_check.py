"""The proof of an endpoint: it answers the golden case as evaluation did."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nibabel
import numpy as np
import urllib3

from medgantry.registry.golden import FOLDER, Golden, GoldenInput
from medgantry.serving.target import DeploymentFailed, Endpoint, Release
from medgantry.storage import ObjectStore, fetch_folder
from medgantry.storage.folders import published_hash

_ROUTING_SECONDS = 60.0
"""How long requests may still meet an older release after the place said it is ready."""
_REQUEST_SECONDS = 600.0
_SAME_NUMBER = 1e-4
"""Machines of other kinds add up in another order; label maps, being thresholded, are the same voxel for voxel."""
_SAME_MM = 0.01


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
        InvalidInput: If no golden case travels with the model.
        DeploymentFailed: If the endpoint does not answer, or only an older release does.
    """
    with TemporaryDirectory(prefix="medgantry-golden-") as scratch:
        folder = Path(scratch) / "model"
        fetch_folder(store, release.prefix, folder)
        golden, wanted = Golden.open(folder / FOLDER), published_hash(store, release.prefix)
        request: dict[str, Any] = {
            "inputs": [_input(each, release, store) for each in golden.inputs],
            "outputs": [{"name": name} for name in (*golden.values, *golden.files)],
        }
        prefix = f"answers/golden/{endpoint.model}"
        if golden.files:
            request["parameters"] = {"output_prefix": store.uri(prefix)}
        seconds, answer = _ask(endpoint, wanted, request)
        outputs = {output["name"]: output["data"] for output in answer["outputs"]}
        differences = [compare_values(name, outputs[name], golden.values[name]) for name in golden.values]
        for name, file in golden.files.items():
            answered = Path(scratch) / outputs[name][0].rpartition("/")[2]
            store.download(f"{prefix}/{answered.name}", answered)
            differences.append(compare_files(name, answered, folder / FOLDER / file))
    difference = "; ".join(filter(None, differences))
    return GoldenCheck(golden=golden.case_id, equal=not difference, difference=difference, seconds=seconds)


def compare_values(name: str, found: list[Any], wanted: Sequence[Any]) -> str:
    """In words how an output's numbers or texts differ; empty if they do not."""
    texts = [value for value in wanted if isinstance(value, str)]
    if len(found) != len(wanted) or (texts and found != list(wanted)):
        return f"{name} is {found[:20]}, {list(wanted)[:20]} was wanted"
    if texts:
        return ""
    far = float(np.abs(np.subtract(found, wanted)).max())
    return "" if far <= _SAME_NUMBER else f"{name} differs by up to {far:.6f}"


def compare_files(name: str, found: Path, wanted: Path) -> str:
    """In words how a label map or a displacement field differs from what was wanted; empty if it does not."""
    answered, golden = (np.asanyarray(nibabel.load(path).dataobj) for path in (found, wanted))
    if answered.shape != golden.shape:
        return f"{name} is {answered.shape}, {golden.shape} was wanted"
    if golden.dtype.kind == "f":
        far = float(np.abs(answered - golden).max())
        return "" if far <= _SAME_MM else f"{name} differs by up to {far:.3f} mm"
    different = int((answered != golden).sum())
    return f"{different} voxels of {name} differ" if different else ""


def _input(asked: GoldenInput, release: Release, store: ObjectStore) -> dict[str, Any]:
    if asked.file:
        uri = store.uri(f"{release.prefix}/{FOLDER}/{asked.file}")
        parameters = {"channel_index": asked.channel_index}
        return {
            "name": asked.name,
            "shape": [1],
            "datatype": "BYTES",
            "data": [uri],
            "parameters": parameters,
        }
    sent = asked.sent
    datatype = "FP64" if isinstance(sent, np.ndarray) else "BYTES"
    return {"name": asked.name, "shape": [len(sent)], "datatype": datatype, "data": list(sent)}


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
