"""The Medical Segmentation Decathlon layout: `dataset.json` and folders of NIfTI files.

Source: Antonelli et al., The Medical Segmentation Decathlon, Nature Communications 13, 4128 (2022).
"""

import json
from pathlib import PurePosixPath

from medgantry.cohort.channels import canonical_channel
from medgantry.errors import InvalidInput
from medgantry.ingest.candidate import Candidate, Layout
from medgantry.storage.files import Source


def read_decathlon(source: Source) -> Layout:
    """Candidates of a Decathlon task; its `test` list has no labels and is left out.

    Raises:
        InvalidInput: If `dataset.json` lacks a key.
    """
    document = json.loads(source.open_local("dataset.json").read_text())
    missing = {"modality", "labels", "training"} - set(document)
    if missing:
        raise InvalidInput(f"dataset.json of {source.uri} must have {sorted(missing)}.")
    modality = {int(index): canonical_channel(name) for index, name in document["modality"].items()}
    channels = [modality[index] for index in sorted(modality)]
    candidates = []
    for pair in document["training"]:
        image, label = (str(PurePosixPath(pair[role])) for role in ("image", "label"))
        case_id = PurePosixPath(image).name.removesuffix(".gz").removesuffix(".nii")
        candidates.append(
            Candidate(
                case_id=case_id,
                group_id=case_id,
                images=dict.fromkeys(channels, image),
                label=label,
                stacked=len(channels) > 1,
            )
        )
    return Layout(
        candidates=candidates,
        channels=channels,
        label_map={name: int(code) for code, name in document["labels"].items()},
        licence=str(document.get("licence", "")),
        notes={
            "name": str(document.get("name", "")),
            "release": str(document.get("release", "")),
            "unlabelled_test_images": str(len(document.get("test", []))),
        },
    )
