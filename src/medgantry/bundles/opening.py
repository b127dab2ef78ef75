"""Opening a bundle: bring it, merge overrides into its configs, check that it can be run here."""

import shutil
from pathlib import Path

from medgantry.bundles.bundle import PRETRAINED, Bundle
from medgantry.bundles.config_files import config_path
from medgantry.bundles.override import apply_override
from medgantry.bundles.runnable import check_trainable
from medgantry.errors import InvalidBundle, InvalidInput
from medgantry.storage import fetch_folder
from medgantry.storage.files import locate
from medgantry.storage.folders import replace_folder

_OURS = Path(__file__).parent


def open_bundle(
    uri: str, override: str, folder: Path, *, training: bool = True, trust: bool = False, pretrained: str = ""
) -> Bundle:
    """Bring a bundle to a folder, merge overrides into its configs, and check it.

    Args:
        uri: `medgantry:<name>`, a path, or `s3://...` of a published folder.
        override: JSON object of config ids (`epochs`, `train#inferer#_target_`) and their new values.
        folder: Where the bundle goes; what is there is replaced.
        training: Whether it is to be trained, and not only applied.
        trust: Whether a bundle that is not ours may run: its configs are code.
        pretrained: Path or `s3://` of a state dict, in which training begins; empty for none.

    Raises:
        InvalidBundle: If it is no bundle, an override names an id that no config has, or it can't be trained here.
    """
    beside = folder.with_name(f".{folder.name}.opening")
    shutil.rmtree(beside, ignore_errors=True)
    if uri.startswith("medgantry:"):
        source = _OURS / uri.removeprefix("medgantry:")
        if not (source / "configs").is_dir():
            raise InvalidBundle(f"There is no bundle {uri}; ours are {_our_bundles()}.")
        shutil.copytree(source, beside, ignore=shutil.ignore_patterns("__pycache__"))
    elif not trust:
        raise InvalidBundle(
            f"{uri} is not one of our bundles, and a bundle is code.",
            "Read it, then set trust_bundle=true to run it.",
        )
    else:
        place = locate(uri)
        if isinstance(place, Path):
            if not place.is_dir():
                raise InvalidInput(f"There is no bundle folder {place}.", "Check the path.")
            shutil.copytree(place, beside)
        else:
            fetch_folder(place[0], place[1], beside)
    apply_override(beside, override)
    if pretrained:
        _bring_pretrained(pretrained, beside)
    config_path(beside, "inference")
    if training:
        check_trainable(beside, folder.name)
    replace_folder(beside, folder)
    return Bundle(folder)


def _bring_pretrained(uri: str, folder: Path) -> None:
    target = folder / PRETRAINED
    target.parent.mkdir(exist_ok=True)
    place = locate(uri)
    if not isinstance(place, Path):
        place[0].download(place[1], target)
    elif place.is_file():
        shutil.copy(place, target)
    else:
        raise InvalidInput(f"There is no file {place} with pretrained weights.", "Check the path.")


def _our_bundles() -> list[str]:
    return sorted(path.parent.name for path in _OURS.glob("*/configs"))
