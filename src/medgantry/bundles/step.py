"""The step `open_bundle`."""

from pathlib import Path

from medgantry.bundles.opening import open_bundle
from medgantry.bundles.packages import check_packages
from medgantry.steps import step


def open_bundle_step(
    output: Path, *, uri: str, override: str, training: bool, trust: bool, pretrained: str
) -> None:
    """Open a bundle into a folder; the arguments are the component's."""
    with step("open_bundle") as record:
        bundle = open_bundle(uri, override, output, training=training, trust=trust, pretrained=pretrained)
        others = check_packages(bundle.metadata)
        record.facts = {
            "bundle_hash": bundle.bundle_hash,
            "foreign": bundle.is_foreign,
            "other_versions": others,
        }
