"""A case of the size people have, from the phantom generator."""

from pathlib import Path

from medgantry.bundles import Bundle, open_bundle
from medgantry.phantoms.brain_tumor import write_task

REGIONS = {"TC": [2, 3], "WT": [1, 2, 3], "ET": [3]}


def write_case(folder: Path) -> tuple[Bundle, dict[str, Path]]:
    """The brain-tumour bundle, and one 240 x 240 x 155 case of four channels."""
    write_task(folder / "task", cases=1, size=(240, 240, 155))
    bundle = open_bundle("medgantry:brain_tumor_segmentation", "", folder / "bundle")
    (image,) = (folder / "task/imagesTr").glob("BRATS*")
    (label,) = (folder / "task/labelsTr").glob("BRATS*")
    return bundle, {"image": image, "label": label}
