"""Compiling: every component and pipeline as YAML, and each pipeline as Kubernetes resources for Git."""

import importlib
from collections.abc import Mapping
from pathlib import Path

import yaml
from kfp import compiler
from kfp.compiler.compiler_utils import KubernetesManifestOptions
from kfp.dsl.base_component import BaseComponent

from medgantry import __version__
from medgantry.fingerprint import code_fingerprint, hash_value

COMPONENTS = Path(__file__).parent.parent / "components"


def load_components() -> dict[str, BaseComponent]:
    """Name -> component, one for each folder of `components/`."""
    names = sorted(path.parent.name for path in COMPONENTS.glob("*/component.py"))
    return {name: getattr(importlib.import_module(f"components.{name}"), name) for name in names}


def compile_pipeline(pipeline: BaseComponent, path: Path) -> None:
    """Write one pipeline as YAML."""
    compiler.Compiler().compile(pipeline, str(path))


def version_name(compiled: str) -> str:
    """Name of a pipeline's version: ours, and a hash of the graph and of the library behind its images.

    A version is immutable on the server, so other content must have another name.

    Args:
        compiled: The pipeline's YAML.
    """
    return f"{__version__}-{hash_value([compiled, code_fingerprint()])[:12]}"


def compile_everything(pipelines: Mapping[str, BaseComponent], out: Path) -> list[Path]:
    """Write `components/<name>.yaml`, `pipelines/<name>.yaml` and `kubernetes/<name>.yaml` below a folder."""
    written = []
    for kind, items in (("components", load_components()), ("pipelines", pipelines)):
        (out / kind).mkdir(parents=True, exist_ok=True)
        for name, item in items.items():
            path = out / kind / f"{name}.yaml"
            compile_pipeline(item, path)
            written.append(path)
    (out / "kubernetes").mkdir(exist_ok=True)
    for name, pipeline in pipelines.items():
        path = out / "kubernetes" / f"{name}.yaml"
        _write_resources(pipeline, version_name((out / "pipelines" / f"{name}.yaml").read_text()), path)
        written.append(path)
    return written


def _write_resources(pipeline: BaseComponent, version: str, path: Path) -> None:
    """A Pipeline and a PipelineVersion, as KFP's Kubernetes-native store has them; the Pipeline comes first."""
    options = KubernetesManifestOptions(
        pipeline_name=pipeline.name,
        pipeline_version_name=f"{pipeline.name}-{version}",
        pipeline_version_display_name=version,
        include_pipeline_manifest=True,
    )
    compiler.Compiler().compile(
        pipeline, str(path), kubernetes_manifest_format=True, kubernetes_manifest_options=options
    )
    documents = list(yaml.safe_load_all(path.read_text()))
    for document in documents:
        wave = {"Pipeline": "0", "PipelineVersion": "1"}[document["kind"]]
        document["metadata"]["annotations"] = {"argocd.argoproj.io/sync-wave": wave}
    # Argo CD must not remove a version that runs refer to.
    documents[1]["metadata"]["annotations"]["argocd.argoproj.io/sync-options"] = "Prune=false"
    path.write_text(yaml.safe_dump_all(documents, sort_keys=False))
