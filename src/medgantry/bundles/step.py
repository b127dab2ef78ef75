"""The step `open_bundle`."""

from pathlib import Path

from medgantry.bundles.bundle import open_bundle
from medgantry.steps import step


def open_bundle_step(output: Path, *, uri: str, override: str, trust: bool, pretrained: str) -> None:
    """Open a bundle into a folder; the arguments are the component's."""
    with step("open_bundle") as record:
        bundle = open_bundle(uri, override, output, trust=trust, pretrained=pretrained)
        record.facts = {"bundle_hash": bundle.bundle_hash, "foreign": bundle.is_foreign}
