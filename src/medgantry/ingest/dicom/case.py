"""One chosen stack to a case: volume, label map and DICOM objects in the store, nothing that names anybody."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from medgantry.cohort import Case, File
from medgantry.cohort.targets import STUDY_DATE
from medgantry.dicom.deidentification.deidentify import Deidentifier
from medgantry.dicom.deidentification.harvest import search
from medgantry.dicom.header import Header, value_numbers, value_text
from medgantry.dicom.volume import Volume, read_volume
from medgantry.fingerprint import hash_file
from medgantry.ingest.dicom.candidate import Candidate
from medgantry.ingest.dicom.config import DicomConfig
from medgantry.ingest.dicom.labels import Labels, MaskObject, label_names, paint_labels
from medgantry.ingest.dicom.names import KeyedNames, Names, case_name
from medgantry.ingest.dicom.objects import IdentityLeft, Packed, pack_objects
from medgantry.ingest.dicom.picture import picture
from medgantry.ingest.volumes.convert import write_nifti
from medgantry.ingest.volumes.volume import Volume as PlacedArray
from medgantry.ledger import Unusable
from medgantry.storage import ObjectStore
from medgantry.storage.files import keep

_TOLD = (
    "Manufacturer",
    "ManufacturerModelName",
    "ConvolutionKernel",
    "PatientSex",
    "PatientAge",
    "StudyDate",
)
"""What the ledger of a cohort may tell of a series, once de-identified."""
_NUMBERS = ("SliceThickness", "KVP")


@dataclass(frozen=True, kw_only=True)
class Made:
    """A case and what is told about it."""

    case: dict[str, Any]
    files: list[dict[str, Any]]
    facts: dict[str, Any]
    rule: str
    evidence: str
    repairs: tuple[str, ...]
    actions: Counter[str]


class CaseMaker:
    """Makes cases.

    Args:
        config: What is wanted.
        names: What things are called.
        store: Where volumes go.
    """

    def __init__(self, config: DicomConfig, names: Names, store: ObjectStore) -> None:
        self._config, self._names, self._store = config, names, store
        self.used: list[MaskObject] = []
        """Mask objects that were painted."""
        self._deidentifier: Deidentifier | None = None
        if config.profile is not None and isinstance(names, KeyedNames):
            self._deidentifier = Deidentifier(config.profile, names.pseudonyms)

    def case_id(self, header: Header, series_uid: str, number: int) -> str:
        """The id of a series' stack; stacks are numbered from 1."""
        return case_name(self._names, _patient(header), series_uid, number)

    def make(self, candidate: Candidate, scratch: Path) -> Made:
        """Read, label, de-identify, verify and keep one stack.

        Raises:
            Unusable: With the rule that it breaks.
            IdentityLeft: If something that names people would have left.
        """
        header = candidate.headers[0]
        volume = read_volume(candidate.stack, modality=candidate.facts.modality, repairs=self._config.repairs)
        labels = paint_labels(candidate.masks, volume, self._config.labels) if self._config.labels else None
        if labels is None and self._config.select.has and self._config.labels:
            raise Unusable(
                "a mask object has a wanted label",
                f"none of {list(self._config.labels)} in {len(candidate.masks)} objects",
                "Correct the regular expressions of `labels`.",
            )
        target = scratch / f"{candidate.item}.tar"
        order = sorted(
            candidate.stack, key=lambda frame: volume.slices.get((frame.sop_instance_uid, frame.index), -1)
        )
        slices = list(dict.fromkeys(frame.path for frame in order))
        masks = [found.path for found in labels.used] if labels else []
        packed = pack_objects(slices, masks, target, self._deidentifier, self._config.keep_dicom)
        facts = self._facts(candidate, volume, labels, packed.first)
        said = [*volume.repairs, candidate.warning, labels.evidence if labels else ""]
        evidence = "; ".join(filter(None, said))
        self._verify_text([facts, evidence], packed)
        made = Made(
            case=self._case(candidate, header, facts),
            files=self._files(candidate, volume, labels, target, scratch),
            facts=facts
            | {"picture": picture(volume.voxels, volume.grid.spacing_mm, labels.codes if labels else None)},
            rule="geometry, pixels, masks and identity were checked",
            evidence=evidence,
            repairs=volume.repairs,
            actions=packed.actions,
        )
        target.unlink()
        self.used += labels.used if labels else []
        return made

    def _facts(
        self, candidate: Candidate, volume: Volume, labels: Labels | None, told: Dataset
    ) -> dict[str, Any]:
        found: dict[str, Any] = {
            "case_id": candidate.item,
            "modality": candidate.facts.modality,
            "slices": volume.grid.shape[0],
            "rows": volume.grid.shape[1],
            "columns": volume.grid.shape[2],
            "spacing_mm": [round(step, 4) for step in volume.grid.spacing_mm],
        }
        found |= {name: value_text(told, name) for name in _TOLD}
        found |= {name: (value_numbers(told, name) or (None,))[0] for name in _NUMBERS}
        if labels is not None:
            voxel_ml = float(np.prod(volume.grid.spacing_mm)) / 1000
            codes, counts = np.unique(labels.codes, return_counts=True)
            found["labels_ml"] = {
                label_names(int(code), list(self._config.labels)): round(float(count) * voxel_ml, 3)
                for code, count in zip(codes, counts, strict=True)
                if code
            }
            found["codes"] = [int(code) for code in codes if code]
        return found

    def _case(self, candidate: Candidate, header: Header, facts: dict[str, Any]) -> dict[str, Any]:
        scanner = f"{facts['Manufacturer']} {facts['ManufacturerModelName']}".strip()
        known = {
            "scanner": scanner,
            "kernel": facts["ConvolutionKernel"],
            "sex": facts["PatientSex"],
            "age": facts["PatientAge"],
            STUDY_DATE: facts["StudyDate"],
            "labels": " ".join(sorted(facts.get("labels_ml", {}))),
        }
        targets = {name: value for name, value in known.items() if value}
        patient = self._names.patient(_patient(header))
        return asdict(Case(case_id=candidate.item, group_id=patient, targets=targets))

    def _files(
        self, candidate: Candidate, volume: Volume, labels: Labels | None, target: Path, scratch: Path
    ) -> list[dict[str, Any]]:
        channel = self._config.select.channel or candidate.facts.modality
        rows = [self._volume_row(candidate.item, "image", channel, volume.voxels, volume, scratch)]
        if labels is not None:
            rows.append(self._volume_row(candidate.item, "label", "", labels.codes, volume, scratch))
        rows.append(self._row(candidate.item, "dicom", channel, target, "tar", volume))
        return rows

    def _volume_row(
        self, item: str, role: str, channel: str, voxels: NDArray[Any], volume: Volume, scratch: Path
    ) -> dict[str, Any]:
        path = scratch / f"{item}-{role}.nii.gz"
        write_nifti(PlacedArray(voxels=voxels.transpose(2, 1, 0), affine=volume.grid.nifti_affine), path)
        row = self._row(item, role, channel, path, "nii.gz", volume)
        path.unlink()
        return row

    def _row(
        self, item: str, role: str, channel: str, path: Path, suffix: str, volume: Volume
    ) -> dict[str, Any]:
        sha256 = hash_file(path)
        slices, rows, columns = volume.grid.shape
        spacing = volume.grid.spacing_mm
        row = File(
            case_id=item,
            role=role,
            channel=channel,
            channel_index=-1,
            uri=keep(self._store, path, sha256),
            format=suffix,
            sha256=sha256,
            shape=[columns, rows, slices],
            spacing_mm=[spacing[2], spacing[1], spacing[0]],
            orientation="".join(nibabel.aff2axcodes(volume.grid.nifti_affine)),
        )
        return asdict(row)

    def _verify_text(self, told: Any, packed: Packed) -> None:
        """What is told in words must name nobody either."""
        found = search("\n".join(_texts(told)).encode(), packed.needles) if self._deidentifier else []
        if found:
            raise IdentityLeft(
                f"The verifier found a {' and a '.join(found)} of the source in what is told of a series.",
                "Nothing of this study was published. Report it.",
            )


def _texts(told: Any) -> Iterator[str]:
    """All values, without the keys, which are ours."""
    if isinstance(told, dict):
        told = list(told.values())
    if isinstance(told, list):
        for one in told:
            yield from _texts(one)
    else:
        yield str(told)


def _patient(header: Header) -> str:
    return header.text("PatientID") or header.text("StudyInstanceUID")
