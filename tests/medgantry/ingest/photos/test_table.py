from pathlib import Path

import pytest

from medgantry.errors import InvalidInput
from medgantry.ingest.photos.config import PhotoColumns
from medgantry.ingest.photos.table import find_table, read_rows
from medgantry.storage.files import Source

HEADER = "lesion_id,image_id,dx,dx_type,age,sex,localization"
LINE = "HAM_0000118,ISIC_0027419,bkl,histo,80.0,male,scalp"
OURS = PhotoColumns()


def _find(folder: Path, name: str = "", columns: PhotoColumns = OURS, uri: str = "") -> str:
    return find_table(Source(uri or str(folder), folder / "scratch"), name, columns)


@pytest.mark.parametrize(
    ("name", "delimiter", "start"),
    [
        ("HAM10000_metadata", ",", ""),
        ("HAM10000_metadata", "\t", ""),
        ("HAM10000_metadata.csv", ",", "\ufeff"),
        ("HAM10000_metadata.tab", "\t", ""),
        ("below/HAM10000_metadata.tsv", "\t", "\ufeff"),
    ],
)
def test_every_spelling_of_ham10000s_table_is_read(
    name: str, delimiter: str, start: str, tmp_path: Path
) -> None:
    (tmp_path / "below").mkdir()
    text = f"{start}{HEADER}\r\n{LINE}\r\n".replace(",", delimiter)
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert _find(tmp_path) == name
    (row,) = read_rows(tmp_path / name, OURS)
    assert (row.number, row.image, row.group, row.target, row.file) == (
        2, "ISIC_0027419", "HAM_0000118", "bkl", "",
    )  # fmt: skip
    assert row.extra == {"dx_type": "histo", "age": "80.0", "sex": "male", "localization": "scalp"}


def test_quoted_values_of_a_tab_separated_table_are_values(tmp_path: Path) -> None:
    text = f"{HEADER}\n{LINE}\n".replace(",", "\t").replace("male", '"male"')
    (tmp_path / "a.tab").write_text(text)
    assert read_rows(tmp_path / "a.tab", OURS)[0].extra["sex"] == "male"


def test_white_space_and_missing_values_are_none(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"{HEADER}\n HAM_1 ,ISIC_1 , nv,,,,\nHAM_2,ISIC_2\n")
    first, second = read_rows(tmp_path / "a.csv", OURS)
    assert (first.image, first.group, first.target, first.extra) == ("ISIC_1", "HAM_1", "nv", {})
    assert (second.image, second.target) == ("ISIC_2", "")


def test_columns_may_have_any_name(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("file,patient,label,site\nx/1.png,p,good,arm\n")
    columns = PhotoColumns.parse(
        {"image": "file", "group": "patient", "target": "label", "file": "file", "extra": ["site"]}
    )
    (row,) = read_rows(tmp_path / "a.csv", columns)
    assert (row.image, row.group, row.target, row.file, row.extra) == (
        "x/1.png", "p", "good", "x/1.png", {"site": "arm"},
    )  # fmt: skip


def test_without_a_group_every_image_is_its_own(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id\n1\n")
    (row,) = read_rows(tmp_path / "a.csv", PhotoColumns.parse({"image": "id", "group": "", "target": ""}))
    assert (row.image, row.group, row.target) == ("1", "1", "")


@pytest.mark.parametrize(
    "columns",
    [{"images": "a"}, {"image": 3}, {"extra": "age"}, {"extra": [1]}, {"image": ""}, {"image": None}],
)
def test_columns_that_make_no_sense_are_refused(columns: dict[str, object]) -> None:
    with pytest.raises(InvalidInput, match="columns"):
        PhotoColumns.parse(columns)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("image_id,dx\n")
    with pytest.raises(InvalidInput, match=r"lesion_id.*image_id"):
        read_rows(tmp_path / "a.csv", OURS)
    with pytest.raises(InvalidInput, match="scanner"):
        read_rows(tmp_path / "a.csv", PhotoColumns.parse({"group": "", "extra": ["scanner"]}))


def test_the_table_is_found_by_its_columns_or_named(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidInput, match="these have them: \\[\\]"):
        _find(tmp_path)
    (tmp_path / "one.csv").write_text(HEADER)
    assert _find(tmp_path) == "one.csv"
    (tmp_path / "two.csv").write_text(HEADER)
    with pytest.raises(InvalidInput, match=r"one\.csv.*two\.csv"):
        _find(tmp_path)
    assert _find(tmp_path, "two.csv") == "two.csv"
    assert _find(tmp_path, uri=str(tmp_path / "one.csv")) == "one.csv"
    with pytest.raises(InvalidInput, match=r"three\.csv.*one\.csv"):
        _find(tmp_path, "three.csv")


@pytest.mark.parametrize("line", [b"HAM_1,\xff\xfe,nv,,,,\n", b"HAM_1," + b"x" * 200_000 + b",nv,,,,\n"])
def test_what_is_no_table_is_refused_by_its_line(line: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(f"{HEADER}\n".encode() + line)
    with pytest.raises(InvalidInput, match=r"a\.csv"):
        read_rows(tmp_path / "a.csv", PhotoColumns())
