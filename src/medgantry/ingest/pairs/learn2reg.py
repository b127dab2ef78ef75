"""The layout of the Learn2Reg challenge: `*_dataset.json` that lists pairs, and folders of files of equal names.

    <name>_dataset.json                          training_paired_images, registration_val, training
    imagesTr/<name>_0001_0000.nii.gz             subject 1, state 0
    masksTr/<name>_0001_0000.nii.gz              optional
    keypointsTr/<name>_0001_0000.csv             optional; or landmarksTr

Source: Hering et al., Learn2Reg, IEEE TMI 42 (2023), doi:10.1109/TMI.2022.3213983; its data sets on
learn2reg.grand-challenge.org and Zenodo (doi:10.5281/zenodo.3835682).
"""

import json
import re
from collections.abc import Iterator, Mapping
from posixpath import basename, dirname, join, normpath
from typing import Any

from medgantry.cohort import PAIR
from medgantry.errors import InvalidInput
from medgantry.ingest.pairs.pair import Pair, PairLayout
from medgantry.storage.files import Source

_STATE = re.compile(r"^(?P<subject>.+)_(?P<state>\d{4})$")
_LISTS = ("training_paired_images", "registration_val", "training")
_KEYPOINTS = ("keypoints", "landmarks")


def read_learn2reg(source: Source) -> PairLayout:
    """Pairs of a Learn2Reg data set of one modality; images that are in no pair are left out.

    Raises:
        InvalidInput: If there is no single `*_dataset.json`, or it lists no pairs of one subject and modality.
    """
    names = set(source.names())
    found = [name for name in sorted(names) if name.endswith("_dataset.json") and "/" not in name]
    if len(found) != 1:
        raise InvalidInput(f"{source.uri} must hold one <name>_dataset.json, found {found}.")
    document = json.loads(source.open_local(found[0]).read_text())
    modalities = sorted(set(document.get("modality", {}).values()))
    if len(modalities) != 1:
        raise InvalidInput(
            f"{found[0]} must be of one modality, found {modalities}.",
            "List the pairs of one modality in a CSV.",
        )
    beside = {
        normpath(entry["image"]): entry
        for entry in document.get("training", [])
        if isinstance(entry.get("image"), str)
    }
    pairs = {pair.case_id: pair for pair in _pairs(document, beside, names, found[0])}
    if not pairs:
        raise InvalidInput(
            f"{found[0]} must list pairs (fixed, moving) under one of {_LISTS}, found none.",
            "List the pairs in a CSV.",
        )
    return PairLayout(
        pairs=list(pairs.values()),
        modality=str(modalities[0]),
        licence=str(document.get("licence", "")).strip(),
        notes={key: str(document.get(key, "")) for key in ("name", "release")},
    )


def _pairs(
    document: Mapping[str, Any], beside: Mapping[str, Mapping[str, Any]], names: set[str], table: str
) -> Iterator[Pair]:
    for listed in (entry for name in _LISTS for entry in document.get(name, []) if "fixed" in entry):
        images = {role: normpath(listed[role]) for role in PAIR}
        stems = {role: basename(path).split(".")[0] for role, path in images.items()}
        parts = {role: _STATE.match(stem) for role, stem in stems.items()}
        fixed, moving = parts["fixed"], parts["moving"]
        if not fixed or not moving or fixed["subject"] != moving["subject"]:
            raise InvalidInput(
                f"{table} pairs {stems['fixed']} with {stems['moving']}: names of one subject in two states, such as "
                "X_0001_0000 and X_0001_0001, were wanted.",
                "List pairs of different subjects in a CSV, which says what must stay together in a split.",
            )
        files = dict(images)
        for role, image in images.items():
            entry = beside.get(image, {})
            files |= _companion(f"{role}_mask", entry, ("mask",), image, names)
            files |= _companion(f"{role}_keypoints", entry, _KEYPOINTS, image, names)
        yield Pair(case_id=f"{stems['fixed']}_{moving['state']}", group_id=fixed["subject"], files=files)


def _companion(
    role: str, entry: Mapping[str, Any], kinds: tuple[str, ...], image: str, names: set[str]
) -> dict[str, str]:
    """A mask or keypoints: where the list says, or beside the image under its name."""
    for kind in kinds:
        if isinstance(entry.get(kind), str):
            return {role: normpath(entry[kind])}
        folder = dirname(image).replace("images", f"{kind.removesuffix('s')}s")
        stem, suffix = basename(image).split(".")[0], ".nii.gz" if kind == "mask" else ".csv"
        if (path := join(folder, stem + suffix)) in names:
            return {role: path}
    return {}
