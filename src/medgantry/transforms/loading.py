"""NIfTI files into memory: MONAI's `LoadImaged`, without float64 and without a second copy."""

import gzip
import math
import zlib
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import IO, Any, Self, cast

import monai.transforms
import nibabel
import numpy as np
import torch
from isal import igzip
from isal.igzip_lib import IsalError
from monai.data import MetaTensor, NibabelReader, is_supported_format
from monai.transforms.io.array import switch_endianness
from monai.utils import ImageMetaKey, MetaKeys, ensure_tuple
from nibabel.volumeutils import apply_read_scaling
from numpy.typing import NDArray

from medgantry.errors import InvalidInput, Mismatch

_DAMAGE = (EOFError, gzip.BadGzipFile, zlib.error, cast("type[Exception]", IsalError))
_CHUNK = 1 << 15
"""Voxels read at once: what is unpacked is cast while it is still in the processor's cache."""


class LoadImage(monai.transforms.LoadImage):  # type: ignore[misc]
    """MONAI's `LoadImage` with a reader of its own for NIfTI volumes; other files are read by MONAI.

    The same values, shape and metadata. The voxels stay in the file's order (the first spatial axis is the fastest in
    memory), of which the tensor is a view. A damaged file is an error: gzip is read to its end with its checksum.

    Read by MONAI, explicitly: any other format, a dtype other than float32, a reader with options, voxels that are
    not real numbers, and volumes of other than three or four axes.
    """

    @classmethod
    def like(cls, theirs: monai.transforms.LoadImage) -> Self:
        """One with the settings of MONAI's."""
        ours = cls.__new__(cls)
        ours.__dict__.update(theirs.__dict__)
        return ours

    def __call__(self, filename: Sequence[PathLike[str]] | PathLike[str] | str, reader: Any = None) -> Any:
        """Load one file, or several as channels: (C, i, j, k) with `ensure_channel_first`.

        Raises:
            InvalidInput: If a NIfTI file is cut off or damaged.
            Mismatch: If the files of a list differ in shape or affine.
        """
        names = [str(Path(n).expanduser() if self.expanduser else n) for n in ensure_tuple(filename)]
        if reader is not None or not self.is_plain or not is_supported_format(names, ["nii", "nii.gz"]):
            return super().__call__(filename, reader)
        images = [_open_header(name) for name in names]
        if not all(_is_scalar_volume(image) for image in images):
            return super().__call__(filename, reader)
        meta = _shared_meta(images, names)
        voxels = _read_voxels(images, names)
        tensor = MetaTensor.ensure_torch_and_prune_meta(
            voxels, meta, self.simple_keys, pattern=self.pattern, sep=self.sep
        )
        if self.ensure_channel_first:
            tensor = monai.transforms.EnsureChannelFirst()(tensor, meta_dict=meta)
        return tensor

    @property
    def is_plain(self) -> bool:
        """Whether the settings are those for which our reader is proved equal to MONAI's."""
        reader = self.readers[-1]
        return bool(
            self.image_only
            and self.dtype is not None
            and np.dtype(self.dtype) == np.float32
            and type(reader) is NibabelReader
            and reader.channel_dim is None
            and not (reader.as_closest_canonical or reader.squeeze_non_spatial_dims or reader.to_gpu)
            and not reader.kwargs
        )


class LoadImaged(monai.transforms.LoadImaged):  # type: ignore[misc]
    """MONAI's `LoadImaged`, with the same arguments, around our `LoadImage`."""

    _loader: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._loader = LoadImage.like(self._loader)

    @classmethod
    def like(cls, theirs: monai.transforms.LoadImaged) -> Self:
        """One with the settings of MONAI's."""
        ours = cls.__new__(cls)
        ours.__dict__.update(theirs.__dict__)
        ours._loader = LoadImage.like(theirs._loader)
        return ours


class _HeaderReader(NibabelReader):  # type: ignore[misc]
    """MONAI's own metadata of a file, without its voxels."""

    def _get_array_data(self, img: Any, filename: str) -> NDArray[np.float32]:
        return np.broadcast_to(np.float32(0), img.shape)


def _open_header(name: str) -> Any:
    try:
        return _HeaderReader().read(name)
    except _DAMAGE as error:
        raise _damaged(name, str(error)) from error


def _is_scalar_volume(image: Any) -> bool:
    kind = np.dtype(image.get_data_dtype()).kind
    return isinstance(image, nibabel.Nifti1Image) and kind in "iuf" and image.ndim in (3, 4)


def _shared_meta(images: Sequence[Any], names: Sequence[str]) -> dict[str, Any]:
    """The first file's metadata, as MONAI has it, when the others lie on the same grid."""
    metas = []
    for image, name in zip(images, names, strict=True):
        reader = _HeaderReader()
        reader.filenames = (name,)
        metas.append(reader.get_data(image)[1])
    first, *others = metas
    for meta, image, name in zip(others, images[1:], names[1:], strict=True):
        for key in (MetaKeys.AFFINE, MetaKeys.SPATIAL_SHAPE):
            if image.ndim != images[0].ndim or not np.allclose(meta[key], first[key]):
                raise Mismatch(
                    f"The channels of one image must lie on one grid: {Path(name).name} has {key.value} "
                    f"{np.asarray(meta[key]).tolist()}, {Path(names[0]).name} {np.asarray(first[key]).tolist()}.",
                    "Resample them to one grid.",
                )
    if others and images[0].ndim == 3:
        first[MetaKeys.ORIGINAL_CHANNEL_DIM] = 0
    meta = switch_endianness(first, "<")
    meta[ImageMetaKey.FILENAME_OR_OBJ] = names[0]
    return cast("dict[str, Any]", meta)


def _read_voxels(images: Sequence[Any], names: Sequence[str]) -> torch.Tensor:
    """(i, j, k) of a 3-D file, (i, j, k, C) of 4-D files, (C, i, j, k) of a list of 3-D files; float32."""
    shape = images[0].shape[2::-1]
    counts = [math.prod(image.shape[3:]) for image in images]
    target = np.empty((sum(counts), *shape), np.float32)
    first = 0
    for image, name, count in zip(images, names, counts, strict=True):
        _fill(target[first : first + count].reshape(-1), image.dataobj, name)
        first += count
    volume = torch.from_numpy(target).permute(0, 3, 2, 1)
    if images[0].ndim == 4:
        return volume.permute(1, 2, 3, 0)
    return volume if len(images) > 1 else volume[0]


def _fill(target: NDArray[np.float32], proxy: Any, name: str) -> None:
    """Read the voxels of one file in the order they are stored in."""
    raw = np.empty(min(_CHUNK, target.size) * proxy.dtype.itemsize, np.uint8)
    buffer = raw.view(proxy.dtype)
    scaled = (proxy.slope, proxy.inter) != (1, 0)
    try:
        with _open(name) as stream:
            stream.seek(proxy.offset)
            for start in range(0, target.size, _CHUNK):
                voxels = buffer[: target.size - start]
                if stream.readinto(raw[: voxels.nbytes]) != voxels.nbytes:  # type: ignore[attr-defined]
                    raise EOFError(f"{target.size} voxels of {proxy.dtype} were promised by the header")
                values = apply_read_scaling(voxels, proxy.slope, proxy.inter) if scaled else voxels
                target[start : start + voxels.size] = values
            while stream.read(1 << 20):  # the checksum comes last
                pass
    except _DAMAGE as error:
        raise _damaged(name, str(error)) from error


def _open(name: str) -> IO[bytes]:
    return cast("IO[bytes]", igzip.open(name, "rb")) if name.endswith(".gz") else Path(name).open("rb")


def _damaged(name: str, found: str) -> InvalidInput:
    return InvalidInput(f"{Path(name).name} is cut off or damaged: {found}.", "Copy the file again.")
