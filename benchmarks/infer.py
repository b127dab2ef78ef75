"""B10: a CT from .nii.gz to a label map in .nii.gz, against a bundle's own transforms run by MONAI."""

import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import monai
import nibabel
import numpy as np
import torch
from isal import igzip
from numpy.typing import NDArray

from benchmarks.nifti_read import SHAPE, scan
from benchmarks.paired import compare
from benchmarks.zoo_bundle import NO_OP, TINY, write_bundle
from medgantry.bundles import Bundle
from medgantry.bundles.parser import load_weights, make_parser, part
from medgantry.inference import Segmenter
from medgantry.processes import THREADS

SPACING_MM = (0.8, 0.8, 1.5)
AGREEMENT = 0.9999
"""Share of voxels that must have the same label."""
NETWORKS = (("no-op", NO_OP), ("tiny UNet", TINY))
RUNS = 3
WAYS = (("probabilities go back", False), ("argmax, then classes go back by nearest neighbour", True))


def main() -> Iterator[dict[str, Any]]:
    """Four rows; void, by an error, when fewer labels agree than are allowed."""
    torch.set_num_threads(THREADS)
    with TemporaryDirectory() as name:
        volume = Path(name) / "ct.nii.gz"
        image = nibabel.Nifti1Image(_abdomen(), np.diag([-SPACING_MM[0], -SPACING_MM[1], SPACING_MM[2], 1.0]))
        volume.write_bytes(igzip.compress(image.to_bytes(), 1))
        for title, network in NETWORKS:
            for way, argmax_first in WAYS:
                folder = Path(name) / f"{title} {argmax_first}"
                yield _row(folder, volume, f"{title}, {way}", network, argmax_first)


def _row(
    folder: Path, volume: Path, title: str, network: dict[str, Any], argmax_first: bool
) -> dict[str, Any]:
    bundle = write_bundle(folder, network, argmax_first=argmax_first)
    ours, theirs = Ours(bundle, volume), Monais(bundle, volume)
    row = compare(
        f"B10 CT of 512 x 512 x 160 to a label map, {title}",
        f"MONAI {monai.__version__}, the same bundle",
        ours,
        theirs,
        clock=time.perf_counter,
        runs=RUNS,
    )
    found, wanted = ours.labels(), theirs.labels()
    different = int((found != wanted).sum())
    row |= {"different_voxels": different, "organ": float((wanted == 1).mean())}
    assert different <= (1 - AGREEMENT) * wanted.size, row
    return row | {
        "peak_memory_mib": {"ours": _peak(Ours, folder, volume), "peer": _peak(Monais, folder, volume)}
    }


class Ours:
    """`Segmenter.predict_case` and `Segmentation.save`."""

    def __init__(self, bundle: Bundle, volume: Path) -> None:
        self._segmenter, self._volume = Segmenter(bundle), volume
        self._target = bundle.folder / "ours.nii.gz"

    def __call__(self) -> None:
        """One case."""
        self._segmenter.predict_case({"image": self._volume}).save(self._target)

    def labels(self) -> NDArray[np.generic]:
        """What was written last, (i, j, k)."""
        return np.asanyarray(nibabel.load(self._target).dataobj)


class Monais:
    """The bundle's own transforms, inferer and network, made once by MONAI's parser, then run in turn."""

    def __init__(self, bundle: Bundle, volume: Path) -> None:
        parser = make_parser(bundle, bundle.inference_config)
        self._parts = [part(parser, name) for name in ("preprocessing", "inferer", "postprocessing")]
        self._network = part(parser, "network_def").eval()
        load_weights(bundle, self._network)
        self._volume, self._target = volume, bundle.folder / "eval"

    def __call__(self) -> None:
        """One case."""
        preprocessing, inferer, postprocessing = self._parts
        data = preprocessing({"image": str(self._volume)})
        with torch.no_grad():
            data["pred"] = inferer(data["image"][None], self._network)[0]
        postprocessing(data)

    def labels(self) -> NDArray[np.generic]:
        """What was written last, (i, j, k)."""
        (path,) = self._target.rglob("*.nii.gz")
        return np.asanyarray(nibabel.load(path).dataobj)


def _peak(side: type[Ours] | type[Monais], folder: Path, volume: Path) -> int:
    """Greatest resident memory [MiB] of a process of its own that does one case, its imports included."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_peak_here, side, folder, volume).result()


def _peak_here(side: type[Ours] | type[Monais], folder: Path, volume: Path) -> int:
    torch.set_num_threads(THREADS)
    side(Bundle(folder), volume)()
    # Not getrusage: what it says of a process begins with the memory of the one that started it.
    (line,) = (
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")
    )
    return int(line.split()[1]) >> 10


def _abdomen() -> NDArray[np.int16]:
    """(i, j, k), HU: tissue with noise, and in it two organs that are brighter than nearly all of it."""
    voxels = scan()
    axes = np.ogrid[tuple(slice(size) for size in SHAPE)]
    for centre, radii in (((180, 300, 90), (70, 50, 45)), ((340, 220, 60), (30, 40, 20))):
        inside = sum(((a - c) / r) ** 2 for a, c, r in zip(axes, centre, radii, strict=True)) <= 1
        voxels[inside] += 150
    return voxels
