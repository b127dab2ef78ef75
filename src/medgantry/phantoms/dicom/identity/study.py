"""A small archive of people who do not exist, with their data in every file and file name."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from medgantry.phantoms.dicom.identity.person import Identity, make_identity
from medgantry.phantoms.dicom.identity.planting import Planted, plant
from medgantry.phantoms.dicom.segmentation.spec import example_masks
from medgantry.phantoms.dicom.segmentation.writer import make_segmentation
from medgantry.phantoms.dicom.series import Series, make_series, write_dataset
from medgantry.phantoms.dicom.spec import SeriesSpec
from medgantry.phantoms.dicom.structures.writer import make_structures


@dataclass(frozen=True, kw_only=True)
class IdentifiedArchive:
    """What `write_identified_study` wrote.

    Attributes:
        planted: Everything planted, in every file, also in the paths.
        identities: The people, by PatientID.
        study_days: Days from a patient's first study to each study, by PatientID: to be the same afterwards.
        series: The CT series by StudyInstanceUID, with the truth of their voxels.
        files: All files.
    """

    planted: tuple[Planted, ...]
    identities: Mapping[str, Identity]
    study_days: Mapping[str, tuple[int, ...]]
    series: Mapping[str, Series]
    files: tuple[Path, ...]


def write_identified_study(folder: Path, seed: int, patients: int = 2, studies: int = 2) -> IdentifiedArchive:
    """Write patients with CT, SEG and RTSTRUCT that refer to each other, full of planted strings.

    Args:
        folder: Made when it does not exist.
        seed: The same seed gives the same bytes.
        patients: Number of people; every second one has a Japanese character set.
        studies: Number of studies of each.
    """
    planted: list[Planted] = []
    files: list[Path] = []
    series_by_study: dict[str, Series] = {}
    study_days: dict[str, tuple[int, ...]] = {}
    identities = [make_identity(seed, number) for number in range(patients)]
    for number, person in enumerate(identities):
        rng = np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, number, 1))))
        days = tuple(np.cumsum([0, *rng.integers(20, 200, size=studies - 1)]).tolist())
        study_days[person.patient_id] = days
        for study, offset in enumerate(days, start=1):
            day = person.first_study + timedelta(days=offset)
            series, objects = _make_study(person, seed, study, day)
            series_by_study[series.spec.study_uid] = series
            place = Path(f"{person.family.upper()}_{person.given}_{person.patient_id}") / f"{day:%Y-%m-%d}_CT"
            for name, dataset in objects.items():
                path = place / name.format(family=person.family.lower())
                found = plant(dataset, person, study_date=day)
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                write_dataset(dataset, folder / path)
                files.append(folder / path)
                planted += [replace(item, file=path.as_posix()) for item in found]
                planted += _in_path(path, person, day)
    return IdentifiedArchive(
        planted=tuple(planted), identities={person.patient_id: person for person in identities},
        study_days=study_days, series=series_by_study, files=tuple(files),
    )  # fmt: skip


def _make_study(person: Identity, seed: int, study: int, day: date) -> tuple[Series, dict[str, Dataset]]:
    """Return the CT series of a study, and the data sets by file name."""
    spec = SeriesSpec(
        seed=seed, patient_id=person.patient_id, patient_name=f"{person.family}^{person.given}",
        study=study, study_date=f"{day:%Y%m%d}", slices=5, rows=24, columns=28, slice_spacing_mm=4.0,
    )  # fmt: skip
    series = make_series(spec)
    masks = example_masks(series)
    objects = {f"ct/{{family}}_{index:03d}.dcm": dataset for index, dataset in enumerate(series.datasets)}
    objects["seg/{family}.dcm"] = make_segmentation(series, masks).dataset
    objects["rtstruct/RS.{family}.dcm"] = make_structures(series, list(masks.items())).dataset
    return series, objects


def _in_path(path: Path, person: Identity, day: date) -> list[Planted]:
    """List what the path of a file tells."""
    texts = (person.family, person.given, person.patient_id, f"{day:%Y-%m-%d}")
    return [
        Planted(place="path", kind="path", text=text, encoded=text.encode(), file=path.as_posix())
        for text in texts
    ]
