"""Where Feast is looked for."""

import importlib.util
import sys
from pathlib import Path

import pytest

from medgantry.errors import InvalidInput
from medgantry.features.store.feast_library import load_feast


def test_an_environment_without_feast_is_told_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    with pytest.raises(InvalidInput, match=r"neither installed nor in .*feature-store") as refused:
        load_feast.__wrapped__()
    assert "medgantry[feature-store]" in refused.value.remedy
    assert str(tmp_path) not in "".join(sys.path)


def test_what_is_kept_out_of_its_import_is_there_again() -> None:
    load_feast()
    assert sys.modules.get("torch", sys) is not None
    assert importlib.import_module("typeguard").typechecked.__name__ == "typechecked"
