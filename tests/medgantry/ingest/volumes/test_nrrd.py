from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from medgantry.ingest.volumes.convert import as_nifti
from medgantry.ingest.volumes.formats import companions
from medgantry.ledger import Unusable

VOXELS = np.arange(24, dtype="<i2").reshape(4, 3, 2)
HEADER = {
    "type": "short",
    "dimension": "3",
    "space": "left-posterior-superior",
    "sizes": "4 3 2",
    "space directions": "(1,0.5,0) (0,2,0) (0,0,3)",
    "kinds": "domain domain domain",
    "endian": "little",
    "encoding": "raw",
    "space origin": "(10,20,30)",
}


def _write(path: Path, **changes: str | None) -> Path:
    fields = HEADER | {name.replace("_", " "): value for name, value in changes.items()}
    lines = [f"{name}: {value}" for name, value in fields.items() if value is not None]
    text = "NRRD0004\n# made by hand\nDICOM_note:=some: value\n" + "\n".join(lines) + "\n\n"
    path.write_bytes(text.encode() + (b"" if path.suffix == ".nhdr" else VOXELS.tobytes("F")))
    return path


def _rule(path: Path) -> str:
    with pytest.raises(Unusable) as caught:
        as_nifti(path, path.parent)
    return caught.value.rule


@pytest.mark.parametrize(
    ("space", "signs"),
    [
        ("left-posterior-superior", (-1, -1, 1)),
        ("LPS", (-1, -1, 1)),
        ("right-anterior-superior", (1, 1, 1)),
        ("RAS", (1, 1, 1)),
        ("left-anterior-superior", (-1, 1, 1)),
    ],
)
def test_every_anatomical_space_is_laid_into_ras(
    space: str, signs: tuple[int, int, int], tmp_path: Path
) -> None:
    image = nib.load(as_nifti(_write(tmp_path / "a.nrrd", space=space), tmp_path))
    columns = np.array([[1, 0, 0, 10], [0.5, 2, 0, 20], [0, 0, 3, 30]])
    np.testing.assert_allclose(image.affine[:3], np.diag(signs) @ columns, atol=1e-5)
    np.testing.assert_array_equal(np.asanyarray(image.dataobj), VOXELS)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"space": None}, "a volume says where its voxels are"),
        ({"space": "scanner-xyz"}, "a volume says where its voxels are"),
        ({"space_directions": None}, "a volume says where its voxels are"),
        ({"space_directions": "(0,0,0) (0,2,0) (0,0,3)"}, None),
        ({"encoding": "ascii"}, "voxels are numbers, raw or gzip"),
        ({"type": "block"}, "voxels are numbers, raw or gzip"),
        ({"type": "int"}, "the file holds the voxels its header promises"),
        ({"sizes": "4 3 20000000000"}, "the file holds the voxels its header promises"),
        ({"encoding": "gzip"}, "the compressed stream is whole"),
        ({"sizes": None}, "the header says plainly what the file holds"),
        ({"line_skip": "2"}, "the header says plainly what the file holds"),
        ({"data_file": "/etc/passwd"}, "a header names one file in its own folder"),
        ({"data_file": "../a.raw"}, "a header names one file in its own folder"),
        ({"data_file": "LIST 2"}, "a header names one file in its own folder"),
        ({"data_file": "a%03d.raw 1 20 1"}, "a header names one file in its own folder"),
        ({"data_file": "elsewhere.raw"}, "every listed file exists"),
    ],
)
def test_a_header_that_cannot_be_trusted_is_rejected(
    changes: dict[str, str | None], rule: str | None, tmp_path: Path
) -> None:
    found = _rule(_write(tmp_path / "a.nrrd", **changes))
    assert rule in (None, found)


def test_a_detached_header_names_its_voxels_or_nothing(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.nhdr", data_file="a.raw")
    assert list(companions("a.nhdr", lambda: path)) == ["a.raw"]
    _write(tmp_path / "a.nhdr", data_file="../a.raw")
    assert list(companions("a.nhdr", lambda: path)) == []
    _write(tmp_path / "a.nhdr")
    assert list(companions("a.nhdr", lambda: path)) == []


def test_voxels_may_begin_after_a_skip(tmp_path: Path) -> None:
    for skip, before in (("7", b"padding"), ("-1", b"any text")):
        (tmp_path / "a.raw").write_bytes(before + VOXELS.tobytes("F"))
        path = _write(tmp_path / "a.nhdr", data_file="a.raw", byte_skip=skip)
        np.testing.assert_array_equal(
            np.asanyarray(nib.load(as_nifti(path, tmp_path)).dataobj), VOXELS, err_msg=skip
        )
