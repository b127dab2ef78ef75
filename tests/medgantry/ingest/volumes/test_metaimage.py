import zlib
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from medgantry.ingest.volumes.convert import as_nifti
from medgantry.ledger import Unusable

VOXELS = np.arange(24, dtype="<i2").reshape(4, 3, 2)
HEADER = {
    "ObjectType": "Image",
    "NDims": "3",
    "BinaryData": "True",
    "BinaryDataByteOrderMSB": "False",
    "CompressedData": "False",
    "TransformMatrix": "1 0 0 0 1 0 0 0 1",
    "Offset": "10 20 30",
    "ElementSpacing": "1 2 3",
    "DimSize": "4 3 2",
    "ElementType": "MET_SHORT",
    "ElementDataFile": "LOCAL",
}


def _write(path: Path, data: bytes = VOXELS.tobytes("F"), **changes: str | None) -> Path:
    fields = HEADER | changes
    fields["ElementDataFile"] = fields.pop("ElementDataFile")  # the header ends there
    text = "".join(f"{name} = {value}\n" for name, value in fields.items() if value is not None)
    path.write_bytes(text.encode() + data)
    return path


def test_offsets_and_spacings_are_laid_from_lps_into_ras(tmp_path: Path) -> None:
    image = nib.load(as_nifti(_write(tmp_path / "a.mha"), tmp_path))
    np.testing.assert_allclose(
        image.affine, [[-1, 0, 0, -10], [0, -2, 0, -20], [0, 0, 3, 30], [0, 0, 0, 1]], atol=1e-5
    )
    np.testing.assert_array_equal(np.asanyarray(image.dataobj), VOXELS)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"TransformMatrix": None}, "a volume says where its voxels are"),
        ({"ElementSpacing": None}, "a volume says where its voxels are"),
        ({"DimSize": None}, "the header says plainly what the file holds"),
        ({"HeaderSize": "-1"}, "the header says plainly what the file holds"),
        ({"ElementDataFile": None}, "the file is readable MetaImage"),
        ({"ElementType": "MET_ASCII_CHAR"}, "voxels are binary numbers"),
        ({"BinaryData": "False"}, "voxels are binary numbers"),
        ({"ElementType": "MET_DOUBLE"}, "the file holds the voxels its header promises"),
        ({"CompressedData": "True"}, "the compressed stream is whole"),
        ({"ElementDataFile": "LIST"}, "a header names one file in its own folder"),
        ({"ElementDataFile": "/etc/passwd"}, "a header names one file in its own folder"),
        ({"ElementDataFile": "other.raw"}, "every listed file exists"),
    ],
)
def test_a_header_that_cannot_be_trusted_is_rejected(
    changes: dict[str, str | None], rule: str, tmp_path: Path
) -> None:
    path = _write(tmp_path / "a.mha", **changes)
    with pytest.raises(Unusable) as caught:
        as_nifti(path, tmp_path)
    assert caught.value.rule == rule


@pytest.mark.parametrize("said", [-3, 3])
def test_a_compressed_size_that_is_not_the_streams_is_rejected(said: int, tmp_path: Path) -> None:
    data = zlib.compress(VOXELS.tobytes("F"))
    sizes = {"CompressedData": "True", "CompressedDataSize": str(len(data))}
    as_nifti(_write(tmp_path / "a.mha", data, **sizes), tmp_path)
    sizes["CompressedDataSize"] = str(len(data) + said)
    with pytest.raises(Unusable, match="as long as its header says"):
        as_nifti(_write(tmp_path / "a.mha", data, **sizes), tmp_path)


def test_a_stream_may_hold_less_than_was_promised_and_is_rejected(tmp_path: Path) -> None:
    data = zlib.compress(VOXELS[:, :, :1].tobytes("F"))
    with pytest.raises(Unusable, match="promised"):
        as_nifti(_write(tmp_path / "a.mha", data, CompressedData="True"), tmp_path)
