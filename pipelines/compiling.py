"""Compiling: every component and pipeline as YAML."""

import importlib
from collections.abc import Mapping
from pathlib import Path

from kfp import compiler
from kfp.dsl.base_component import BaseComponent

COMPONENTS = Path(__file__).parent.parent / "components"


def load_components() -> dict[str, BaseComponent]:
    """Name -> component, one for each folder of `components/`."""
    names = sorted(path.parent.name for path in COMPONENTS.glob("*/component.py"))
    return {name: getattr(importlib.import_module(f"components.{name}"), name) for name in names}


def compile_everything(pipelines: Mapping[str, BaseComponent], out: Path) -> list[Path]:
    """Write `components/<name>.yaml` and `pipelines/<name>.yaml` below a folder."""
    written = []
    for kind, items in (("components", load_components()), ("pipelines", pipelines)):
        (out / kind).mkdir(parents=True, exist_ok=True)
        for name, item in items.items():
            path = out / kind / f"{name}.yaml"
            compiler.Compiler().compile(item, str(path))
            written.append(path)
    return written
