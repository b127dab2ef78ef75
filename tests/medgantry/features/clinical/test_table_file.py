import pytest

from medgantry.errors import InvalidInput
from medgantry.features.clinical.table_file import read_table

WANTED = ["ID", "Name, whole", "Histology ", "Age"]
HEADER, LINE = 'ID,"Name, whole",Histology ,Age\r\n', 'a,"Mül,ler",x , 7\r\n'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_any_common_encoding_and_delimiter_is_read(encoding: str, delimiter: str) -> None:
    text = (HEADER + LINE).replace(",", delimiter)
    table = read_table(text.replace(f"Name{delimiter}", "Name,").encode(encoding), WANTED)
    (row,) = table.rows
    assert row.cells == {"ID": "a", "Name, whole": f"Mül{delimiter}ler", "Histology ": "x", "Age": "7"}
    assert set(table.repairs) == ({"table"} if encoding in ("cp1252", "utf-16") else set())
    assert (table.lacking, table.unknown) == ([], [])


@pytest.mark.parametrize("found", ["Histology", " Histology", "Histology  "])
def test_a_column_that_lost_its_blank_is_matched_and_noted(found: str) -> None:
    table = read_table((HEADER + LINE).replace("Histology ", found).encode(), WANTED)
    assert table.rows[0].cells["Histology "] == "x"
    assert table.repairs == {"column 'Histology '": f"the table calls it {found!r}"}


def test_names_are_matched_letter_by_letter() -> None:
    table = read_table((HEADER + LINE).replace("Histology ", "histology ").encode(), WANTED)
    assert (table.lacking, table.unknown) == (["Histology "], ["histology "])


def test_a_torn_row_is_told_and_an_empty_one_is_no_row() -> None:
    table = read_table((HEADER + "a,b,c\n,,,\n\n" + LINE).encode(), WANTED)
    assert [(row.number, row.torn) for row in table.rows] == [(2, "3 cells below 4 columns"), (5, "")]


def test_a_name_twice_and_an_empty_file_are_refused() -> None:
    with pytest.raises(InvalidInput, match=r"\['Age'\] more than once"):
        read_table(b"ID,Age,Age\na,1,2\n", WANTED)
    with pytest.raises(InvalidInput, match="more than once"):
        read_table(b"ID,Histology, Histology\na,1,2\n", ["ID", "Histology "])
    with pytest.raises(InvalidInput, match="empty"):
        read_table(b"", WANTED)
