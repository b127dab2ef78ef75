"""LoadImaged against MONAI's."""

import gzip
from pathlib import Path
from typing import Any

import monai.transforms
import nibabel
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from isal import igzip

from medgantry.errors import InvalidInput, Mismatch
from medgantry.transforms import LoadImaged
from medgantry.transforms import loading as module
from tests.medgantry.transforms.agreement import affines, assert_agree

DTYPES = ["u1", "i1", "<i2", ">i2", "<u2", "<i4", "<i8", "<f4", ">f4", "<f8"]


def write(path: Path, shape: tuple[int, ...], dtype: str = "<i2", **how: Any) -> Path:
    """A file of random voxels; `scaling` sets slope and intercept, `affine` and `seed` what they say."""
    rng = np.random.default_rng(how.get("seed", 0))
    kind = np.dtype(dtype)
    voxels = (
        rng.normal(0, 20, shape).astype(kind)
        if kind.kind == "f"
        else rng.integers(0, 100, shape).astype(kind)
    )
    header = nibabel.Nifti1Header(endianness=">" if dtype.startswith(">") else "<")
    header.set_data_dtype(kind)
    image = nibabel.Nifti1Image(voxels, how.get("affine", np.diag([1.5, -2, 3, 1])), header)
    image.header.set_slope_inter(*how.get("scaling", (1, 0)))
    nibabel.save(image, path)
    return path


def both(data: dict[str, Any], **settings: Any) -> tuple[Any, Any]:
    keys = list(data)
    return LoadImaged(keys, **settings)(data), monai.transforms.LoadImaged(keys, **settings)(data)


@given(
    st.tuples(*[st.integers(1, 9)] * 3) | st.tuples(*[st.integers(1, 6)] * 4),
    st.sampled_from(DTYPES),
    affines(),
    st.sampled_from([(1, 0), (0.37, -1024.0), (2, 0)]),
    st.sampled_from([".nii", ".nii.gz"]),
    st.booleans(),
)
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_of_any_kind_is_what_monai_reads(
    tmp_path: Path,
    shape: tuple[int, ...],
    dtype: str,
    affine: np.ndarray,
    scaling: tuple[float, float],
    suffix: str,
    channel_first: bool,
) -> None:
    path = write(tmp_path / f"image{suffix}", shape, dtype, affine=affine, scaling=scaling)
    ours, theirs = both({"image": path}, ensure_channel_first=channel_first)
    assert_agree(ours, theirs, exact=("image",))


def test_chunks_are_joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CHUNK", 7)
    path = write(tmp_path / "image.nii.gz", (5, 6, 4, 3), scaling=(0.5, 3))
    assert_agree(*both({"image": path}, ensure_channel_first=True), exact=("image",))


@pytest.mark.parametrize("shape", [(5, 6, 7), (5, 6, 7, 2)])
@pytest.mark.parametrize("channel_first", [True, False])
def test_a_list_of_files_becomes_channels(
    tmp_path: Path, shape: tuple[int, ...], channel_first: bool
) -> None:
    paths = [write(tmp_path / f"{n}.nii.gz", shape, "<i2" if n else "<f4", seed=n) for n in range(3)]
    assert_agree(*both({"image": paths}, ensure_channel_first=channel_first), exact=("image",))


def test_several_gzip_members_are_one_file(tmp_path: Path) -> None:
    plain = write(tmp_path / "plain.nii", (9, 8, 7)).read_bytes()
    path = tmp_path / "image.nii.gz"
    path.write_bytes(gzip.compress(plain[:500]) + igzip.compress(plain[500:]))
    assert_agree(*both({"image": path}, ensure_channel_first=True), exact=("image",))


@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_cut_file_is_an_error(tmp_path: Path, suffix: str, share: float) -> None:
    path = write(tmp_path / f"image{suffix}", (40, 40, 40), "<f4")
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(InvalidInput, match="cut off or damaged"):
        LoadImaged("image", ensure_channel_first=True)({"image": path})


@pytest.mark.parametrize("place", [-6, -2])
@pytest.mark.parametrize("after", [0, 4 << 20])
def test_a_wrong_checksum_is_an_error(tmp_path: Path, place: int, after: int) -> None:
    plain = write(tmp_path / "plain.nii", (20, 20, 20), "<f4").read_bytes()
    content = bytearray(gzip.compress(plain + bytes(after)))  # what follows the voxels is read too
    content[place] ^= 1  # of the CRC, and of the length
    path = tmp_path / "image.nii.gz"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match="cut off or damaged"):
        LoadImaged("image")({"image": path})


def test_channels_on_different_grids_do_not_fit(tmp_path: Path) -> None:
    paths = [write(tmp_path / "a.nii", (4, 4, 4)), write(tmp_path / "b.nii", (4, 4, 4), affine=np.eye(4))]
    with pytest.raises(Mismatch, match=r"b\.nii has affine"):
        LoadImaged("image")({"image": paths})


@pytest.mark.parametrize(
    "settings",
    [
        {"dtype": np.float64},
        {"image_only": False},
        {"as_closest_canonical": True},
        {"reader": "NibabelReader"},
    ],
)
def test_other_settings_give_monais_result(tmp_path: Path, settings: dict[str, Any]) -> None:
    path = write(tmp_path / "image.nii.gz", (4, 5, 6))
    ours, theirs = both({"image": path}, **settings)
    if "image_only" in settings:
        assert list(ours.pop("image_meta_dict")) == list(theirs.pop("image_meta_dict"))
    assert_agree(ours, theirs, exact=("image",))


def test_other_formats_are_read_by_monai(tmp_path: Path) -> None:
    path = tmp_path / "image.npy"
    np.save(path, np.arange(24.0).reshape(2, 3, 4))
    assert_agree(*both({"image": path}), exact=("image",))
