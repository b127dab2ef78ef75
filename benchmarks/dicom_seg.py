"""B4: three segments in 153 frames to a label map on the CT's grid."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import highdicom
import numpy as np
from numpy.typing import NDArray

from benchmarks.dicom_subject import read_ours, write_subject
from benchmarks.paired import compare
from medgantry.dicom.segmentation import Segmentation
from medgantry.phantoms.dicom.segmentation import SegmentationSpec, make_segmentation
from medgantry.phantoms.dicom.series import write_dataset

FRAMES = 51


def main() -> list[dict[str, Any]]:
    """One row."""
    with TemporaryDirectory() as name:
        folder, path = Path(name) / "ct", Path(name) / "seg.dcm"
        series = write_subject(folder, slices=80)
        volume = read_ours(folder)
        write_dataset(make_segmentation(series, blocks(volume.grid.shape), SegmentationSpec()).dataset, path)
        like = highdicom.Volume(
            volume.voxels, volume.grid.affine, "PATIENT", frame_of_reference_uid=volume.frame_of_reference_uid
        )

        def ours() -> NDArray[Any]:
            out = np.zeros(volume.grid.shape, np.uint8)
            Segmentation(path).paint({1: 1, 2: 2, 3: 3}, volume, out)
            return out

        def theirs() -> NDArray[Any]:
            found = highdicom.seg.segread(path).get_volume(combine_segments=True)
            return np.asarray(found.match_geometry(like).array)

        assert np.array_equal(ours(), theirs())
        return [
            compare(
                "B4 dicom-seg, 3 segments, 153 frames", f"highdicom {highdicom.__version__}", ours, theirs
            )
        ]


def blocks(shape: tuple[int, int, int]) -> dict[str, NDArray[np.bool_]]:
    """Three blobs apart from each other, each on 51 slices."""
    rows, columns = np.mgrid[: shape[1], : shape[2]]
    masks = {}
    for number in range(3):
        disc = (rows - 256) ** 2 + (columns - 120 - 130 * number) ** 2 < 50**2
        masks[f"segment {number}"] = np.zeros(shape, bool)
        masks[f"segment {number}"][10 : 10 + FRAMES] = disc
    return masks
