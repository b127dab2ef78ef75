"""Put a person's data into a data set, and say what was put where."""

from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Literal

from pydicom import config
from pydicom.dataset import Dataset
from pydicom.uid import UID

from medgantry.phantoms.dicom.identity.hidden import (
    plant_around,
    plant_bytes,
    plant_graphics,
    plant_private,
)
from medgantry.phantoms.dicom.identity.person import Identity
from medgantry.phantoms.dicom.identity.places import DATES, MISFITS, NESTED, TEXTS, TIMES
from medgantry.phantoms.dicom.raw import set_raw

Kind = Literal["text", "date", "time", "uid", "age", "name", "path"]

_CODECS = {"ISO_IR 192": "utf-8", r"\ISO 2022 IR 87": "iso2022_jp"}
_OLDEST = "095Y"


@dataclass(frozen=True, kw_only=True)
class Planted:
    """Something that a file without identity must not hold.

    Attributes:
        place: Where it was put: keywords or tags, joined by dots.
        kind: What it is; a "text" occurs at this place only, a "date", "time" or "uid" may occur at several.
        text: What to look for.
        encoded: The same as it stands in the file's bytes.
        file: Path of the file within the archive; empty where a single data set was planted.
    """

    place: str
    kind: Kind
    text: str
    encoded: bytes
    file: str = ""


class _List:
    """What was planted so far; hands out words that occur once."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self.planted: list[Planted] = []

    def record(self, place: str, template: str) -> str:
        """Return the text of a template, with a word that is then on the list."""
        word = f"{self.identity.mark}{len(self.planted):03d}"
        self.add(place, "text", word)
        return template.format(word=word, **asdict(self.identity))

    def add(self, place: str, kind: Kind, text: str, encoded: bytes | None = None) -> None:
        """Put a value on the list as it is."""
        self.planted.append(
            Planted(place=place, kind=kind, text=text, encoded=text.encode() if encoded is None else encoded)
        )


def plant(dataset: Dataset, identity: Identity, *, study_date: date | None = None) -> list[Planted]:
    """Put a person's data into more than a hundred places of a data set.

    Args:
        dataset: Changed in place; it must have file_meta. UIDs stay as they are, since other instances may
            refer to them.
        identity: The person.
        study_date: Day of the study; None: the person's first one.

    Returns:
        Everything that was put anywhere, and the UIDs that were there.
    """
    found = _List(identity)
    day = identity.first_study if study_date is None else study_date
    with config.disable_value_validation():
        dataset.SpecificCharacterSet = identity.character_set.split("\\")
        for keyword, template in TEXTS:
            setattr(dataset, keyword, found.record(keyword, template))
        for sequences, keyword, template in NESTED:
            item = _descend(dataset, sequences)
            setattr(item, keyword, found.record(".".join((*sequences, keyword)), template))
        _plant_person(dataset, found)
        _plant_times(dataset, found, day)
        _plant_labels(dataset, found)
        plant_private(dataset, found.record)
        plant_graphics(dataset, found.record)
        plant_bytes(dataset, found.record)
        plant_around(dataset, found.record)
    _list_uids(dataset, found)
    # Last of all: from here on, whoever looks at these elements gets a warning or an exception.
    for keyword, template in MISFITS:
        set_raw(dataset, keyword, found.record(keyword, template))
    return found.planted


def _descend(dataset: Dataset, sequences: tuple[str, ...]) -> Dataset:
    """Return the first item of a sequence in the first item of a sequence ..., made where there is none."""
    for keyword in sequences:
        if not dataset.get(keyword):
            setattr(dataset, keyword, [Dataset()])
        dataset = dataset[keyword].value[0]
    return dataset


def _plant_person(dataset: Dataset, found: _List) -> None:
    """Plant what is a person's own and cannot hold a word: number, age, and the name in its own script."""
    person = found.identity
    dataset.PatientID = person.patient_id
    found.add("PatientID", "text", person.patient_id)
    dataset.PatientAge = _OLDEST
    found.add("PatientAge", "age", _OLDEST)
    codec = _CODECS[person.character_set]
    # The second group of a name is its ideographic one; in UTF-8 the first may have any letter too.
    groups = (str(dataset.PatientName), person.native)
    dataset.PatientName = "=".join(groups) if person.character_set != "ISO_IR 192" else "^".join(groups)
    dataset.EthnicGroup = f"{dataset.EthnicGroup} {person.native.split('^')[0]}"[:16]
    for part in person.native.split("^"):
        found.add("PatientName, own script", "name", part, part.encode(codec))


def _plant_times(dataset: Dataset, found: _List, day: date) -> None:
    """Plant dates and times, also as date-time, in a text and three sequences deep."""
    stamp = {keyword: day + timedelta(days=days) for keyword, days in DATES}
    stamp["PatientBirthDate"] = found.identity.birth_date
    for keyword, when in stamp.items():
        setattr(dataset, keyword, f"{when:%Y%m%d}")
        found.add(keyword, "date", f"{when:%Y%m%d}")
    for keyword, text in TIMES:
        setattr(dataset, keyword, text)
        found.add(keyword, "time", text)
    dataset.AcquisitionDateTime = f"{day:%Y%m%d}081829.330417"
    found.add("AcquisitionDateTime", "time", dataset.AcquisitionDateTime)
    item = _descend(dataset, ("ContentSequence", "ContentSequence", "ContentSequence"))
    item.Date = f"{day:%Y%m%d}"
    found.add("ContentSequence.ContentSequence.ContentSequence.Date", "date", item.Date)
    note = f"seen on {day:%d.%m.%Y}"
    dataset.ImageComments = f"{dataset.ImageComments}, {note}"
    found.add("ImageComments, a date in the text", "date", f"{day:%d.%m.%Y}")


def _plant_labels(dataset: Dataset, found: _List) -> None:
    """Plant what segmentations and structure sets have of their own."""
    if "SegmentSequence" in dataset:
        segment = dataset.SegmentSequence[-1]
        segment.SegmentDescription = found.record("SegmentSequence.SegmentDescription", "Of {family} {word}")
        dataset.ContentDescription = found.record("ContentDescription", "Drawn for {doctor} {word}")
    if "StructureSetROISequence" in dataset:
        region = dataset.StructureSetROISequence[-1]
        region.ROIDescription = found.record("StructureSetROISequence.ROIDescription", "Of {family} {word}")
        observation = dataset.RTROIObservationsSequence[-1]
        observation.ROIInterpreter = found.record(
            "RTROIObservationsSequence.ROIInterpreter", "{doctor}^{word}"
        )
        dataset.StructureSetName = found.record("StructureSetName", "{family} {word}")
        dataset.StructureSetDescription = found.record("StructureSetDescription", "{family} {word}")


def _list_uids(dataset: Dataset, found: _List, place: str = "") -> None:
    """List the UIDs that tell an instance, series, study or frame of reference, wherever they stand."""
    for element in dataset:
        name = f"{place}{element.keyword or element.tag}"
        if element.VR == "SQ":
            for item in element.value or []:
                _list_uids(item, found, f"{name}.")
        elif element.VR == "UI" and isinstance(element.value, UID) and element.value.startswith("2.25."):
            found.add(name, "uid", str(element.value))
