"""The Python packages that a bundle names in its metadata, compared with those that are installed here."""

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from medgantry.errors import InvalidBundle

_NOT_NEEDED = frozenset({"fire", "tensorboard", "tensorboardx", "mlflow", "psutil", "pynvml"})
"""Named for MONAI's command line and for handlers that report, which ours replace."""


def check_packages(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Refuse a bundle that needs packages which are not there.

    Args:
        metadata: `configs/metadata.json`.

    Returns:
        Package -> `wanted, installed`, of those that are there in another version: bundles name what they were tried
        with, not what they need.

    Raises:
        InvalidBundle: Naming the missing ones, and the line that adds them to an image.
    """
    named = metadata.get("required_packages_version") or metadata.get("optional_packages_version") or {}
    missing, others = [], {}
    for package, wanted in named.items():
        if package.lower() in _NOT_NEEDED:
            continue
        try:
            found = version(package)
        except PackageNotFoundError:
            missing.append(f"{package}=={wanted}" if wanted else package)
            continue
        if found != wanted:
            others[package] = f"{wanted}, {found}"
    if missing:
        remedy = f"Add to the image (images/README.md): RUN pip install --no-deps {' '.join(missing)}"
        if any(name.startswith("torchvision") for name in missing):
            remedy += ". torchvision must be the build that belongs to the image's torch"
        remedy += "."
        if "required_packages_version" not in metadata:
            remedy += " Or, if they are not needed for this: override optional_packages_version with {}."
        raise InvalidBundle(
            f"The bundle needs packages that are not installed: {', '.join(missing)}.", remedy
        )
    return others
