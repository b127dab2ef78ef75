"""How a case's files become a bundle's input: by channel name, in the bundle's order."""

from collections.abc import Sequence
from pathlib import Path

import nibabel
import numpy as np

from medgantry.cohort import File
from medgantry.errors import Mismatch
from medgantry.storage.files import fetch


def bring_case(files: Sequence[File], channels: Sequence[str], folder: Path) -> dict[str, Path | list[Path]]:
    """Fetch a case's files and lay them out as a bundle expects them.

    Args:
        files: The case's rows.
        channels: The bundle's input channels, in its order.
        folder: Scratch space.

    Returns:
        `image`: one 4-D file in the bundle's order, or a list of one 3-D file per channel; `label` if there
        is one.

    Raises:
        Mismatch: If a channel is missing.
    """
    files = [file for file in files if file.role in ("image", "label")]
    rows = {file.channel: file for file in files if file.role == "image"}
    missing = [name for name in channels if name not in rows]
    if missing:
        raise Mismatch(f"The bundle needs channels {list(channels)}, the case lacks {missing}.")
    paths = {file.sha256: fetch(file.uri, file.sha256, folder, file.format) for file in files}
    wanted = [rows[name] for name in channels]
    first = wanted[0]
    one_file = len({row.sha256 for row in wanted}) == 1
    total = len({row.channel_index for row in rows.values()})
    item: dict[str, Path | list[Path]] = {}
    if one_file and [row.channel_index for row in wanted] == list(range(total)):
        item["image"] = paths[first.sha256]
    else:
        found = [_single_channel(row, paths[row.sha256], folder) for row in wanted]
        item["image"] = found if len(found) > 1 else found[0]
    labels = [file for file in files if file.role == "label"]
    if labels:
        item["label"] = paths[labels[0].sha256]
    return item


def _single_channel(row: File, path: Path, folder: Path) -> Path:
    """A 3-D file with one channel; cut out of a 4-D one where needed."""
    if row.channel_index < 0:
        return path
    target = folder / f"{row.sha256}-{row.channel_index}.nii"
    if not target.exists():
        image = nibabel.load(path)
        voxels = np.asanyarray(image.dataobj[..., row.channel_index])
        nibabel.save(nibabel.Nifti1Image(voxels, image.affine), target)
    return target
