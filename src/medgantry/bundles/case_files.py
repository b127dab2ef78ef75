"""How a case's files become a bundle's input: by channel name, in the bundle's order."""

from collections.abc import Sequence
from pathlib import Path

import nibabel
import numpy as np

from medgantry.bundles.bundle import Bundle
from medgantry.bundles.channels import match_channels
from medgantry.bundles.pair_files import bring_pair
from medgantry.cohort import File
from medgantry.storage.files import fetch


def bring_case(files: Sequence[File], bundle: Bundle, folder: Path) -> dict[str, Path | list[Path]]:
    """Fetch a case's files and lay them out as a bundle expects them.

    Args:
        files: The case's rows.
        bundle: The bundle.
        folder: Scratch space.

    Returns:
        `image`: one 4-D file in the bundle's order, or a list of one 3-D file per channel; `label` if there
        is one. For registration what `bring_pair` gives.

    Raises:
        Mismatch: If a channel, or an image of a pair, is missing.
    """
    if bundle.task == "registration":
        return dict(bring_pair(files, folder))
    files = [file for file in files if file.role in ("image", "label")]
    rows = {file.channel: file for file in files if file.role == "image"}
    paths = {file.sha256: fetch(file.uri, file.sha256, folder, file.format) for file in files}
    wanted = [rows[name] for name in match_channels(bundle.input_channels, list(rows))]
    first = wanted[0]
    one_file = len({row.sha256 for row in wanted}) == 1
    total = len({row.channel_index for row in rows.values()})
    item: dict[str, Path | list[Path]] = {}
    apart = len(wanted) > 1 and bundle.takes_channels_apart
    if one_file and not apart and [row.channel_index for row in wanted] == list(range(total)):
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
