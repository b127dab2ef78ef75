from pathlib import Path

import pytest

from medgantry.documents import read_document, write_document
from medgantry.errors import InvalidInput

SCHEMA = "medgantry/thing/1"


def test_what_was_written_is_read(tmp_path: Path) -> None:
    write_document(tmp_path / "new/thing.json", SCHEMA, {"a": [1, None], "b": "ü"})
    assert read_document(tmp_path / "new/thing.json", SCHEMA) == {"a": [1, None], "b": "ü"}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (None, "is missing"),
        ("{", "is no JSON"),
        ("[1]", "found none"),
        ('{"a": 1}', "found none"),
        ('{"schema": "medgantry/thing/2"}', "found medgantry/thing/2"),
    ],
)
def test_anything_else_is_refused_by_name(tmp_path: Path, text: str | None, complaint: str) -> None:
    if text is not None:
        (tmp_path / "thing.json").write_text(text)
    with pytest.raises(InvalidInput, match=complaint) as refused:
        read_document(tmp_path / "thing.json", SCHEMA)
    assert "thing.json" in str(refused.value)
