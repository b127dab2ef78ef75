"""The formats that ingest reads. A further one is a function in a file of its own and an entry here.

`tests/medgantry/ingest/volumes/test_contract.py` holds every format to the same promises.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from medgantry.ingest.volumes.metaimage import metaimage_companions, read_metaimage
from medgantry.ingest.volumes.nrrd import nrrd_companions, read_nrrd
from medgantry.ingest.volumes.numpy_files import numpy_companions, read_numpy
from medgantry.ingest.volumes.volume import VolumeFormat
from medgantry.ledger import Unusable

NIFTI_SUFFIXES = (".nii", ".nii.gz")
"""What later steps read: such files are kept as they are."""

FORMATS = (
    VolumeFormat(name="NumPy", suffixes=(".npy", ".npz"), read=read_numpy, companions=numpy_companions),
    VolumeFormat(name="NRRD", suffixes=(".nrrd", ".nhdr"), read=read_nrrd, companions=nrrd_companions),
    VolumeFormat(
        name="MetaImage", suffixes=(".mha", ".mhd"), read=read_metaimage, companions=metaimage_companions
    ),
)


def is_nifti(name: str) -> bool:
    """Whether a file is NIfTI by its name."""
    return name.lower().endswith(NIFTI_SUFFIXES)


def format_of(name: str) -> VolumeFormat:
    """The format of a file that is not NIfTI, by its name.

    Raises:
        Unusable: If no reader is registered for it.
    """
    for candidate in FORMATS:
        if name.lower().endswith(tuple(candidate.suffixes)):
            return candidate
    known = [*NIFTI_SUFFIXES, *(suffix for candidate in FORMATS for suffix in candidate.suffixes)]
    raise Unusable(
        "the format is one we read", f"{name} is none of {', '.join(known)}", "Convert it to one of these."
    )


def companions(name: str, open_file: Callable[[], Path]) -> Sequence[str]:
    """Files that belong to a file, by their names in its folder; they need not exist.

    Args:
        name: The file's name.
        open_file: Brings the file to this machine; only called when its text must be read.
    """
    if is_nifti(name):
        return ()
    try:
        return format_of(name).companions(name, open_file)
    except Unusable:  # the verdict comes when the file is read
        return ()
