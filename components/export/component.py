"""The component `export`."""

from kfp import dsl

from components import images
from medgantry.artifacts import Bundle


@dsl.component(base_image=images.TORCH, install_kfp_package=False)
def export(bundle: dsl.Input[Bundle], exported: dsl.Output[dsl.Model]):
    """Write a trained network as TorchScript and torch.export, with the proof that both give what it gives.

    Args:
        bundle: A trained bundle with one float32 input.

    Returns:
        exported: model.ts, model.pt2, and export.json with the input's shape, hashes and measured differences.
    """
    from pathlib import Path

    from medgantry.bundles.exported.step import export_step

    export_step(Path(bundle.path), Path(exported.path))
