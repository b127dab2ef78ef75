"""De-identifying one data set, by the profile's table, and for what the table does not name by its VR.

What is kept is named here; text that nobody vouched for goes. So a new or misused attribute cannot leak a name.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from pydicom import DataElement, Dataset
from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.tag import BaseTag
from pydicom.uid import UID_dictionary

from medgantry.dicom.deidentification.numbers import is_sound
from medgantry.dicom.deidentification.person import Person
from medgantry.dicom.deidentification.private import is_safe_private
from medgantry.dicom.deidentification.profile import Profile
from medgantry.dicom.deidentification.pseudonyms import Pseudonyms
from medgantry.dicom.deidentification.vocabulary import NEVER_ABSENT, PIXELS, REQUIRED, is_technical, is_term
from medgantry.dicom.header import value_text

IMPLEMENTATION_UID = "2.25.302829273443471106118306290425208164417"
"""Says who wrote a file (PS3.7 D.3.3.2); made once."""
DUMMY = "REMOVED"
OLDEST_AGE = 89
"""Years; above it an age counts as an identifier (45 CFR 164.514(b)(2)(i)(C))."""
_TEXT = {"LO", "SH", "UC", "ST", "LT", "UT", "UR", "PN", "AE"}
_BYTES = {"OB", "OW", "OF", "OD", "OL", "OV", "UN", "OB or OW", "US or OW"}


@dataclass(kw_only=True)
class Done:
    """What was done to a data set: action and keyword -> how often."""

    actions: Counter[str] = field(default_factory=Counter)

    def note(self, action: str, element: DataElement) -> None:
        """Count an action; private attributes are not named, for their creators may be."""
        keyword = "private" if element.tag.is_private else keyword_for_tag(element.tag) or "unknown"
        self.actions[f"{action} {keyword}"] += 1


class Deidentifier:
    """A profile with the key's pseudonyms.

    Args:
        profile: What is done to which attribute.
        pseudonyms: What names become.
        skip: Names of rules to leave out, for proving that the verifier notices; never used otherwise.
    """

    def __init__(self, profile: Profile, pseudonyms: Pseudonyms, skip: Collection[str] = ()) -> None:
        self._profile, self._pseudonyms, self._skip = profile, pseudonyms, frozenset(skip)

    @property
    def options(self) -> frozenset[str]:
        """Options of the profile that are applied."""
        return self._profile.options

    def __call__(self, dataset: Dataset) -> Done:
        """De-identify a data set with its file meta, in place."""
        done = Done()
        patient = value_text(dataset, "PatientID") or value_text(dataset, "StudyInstanceUID")
        person = Person.of(dataset)
        clean = str(dataset.get("BurnedInAnnotation", "")) == "NO"
        self._walk(dataset, patient, person, done, top=True)
        self._patient(dataset, patient)
        self._file_meta(dataset)
        if "preamble" not in self._skip:
            dataset.preamble = b"\0" * 128
        if "method" not in self._skip:
            self._say_so(dataset, clean)
        return done

    def _walk(self, dataset: Dataset, patient: str, person: Person, done: Done, *, top: bool) -> None:
        for tag in list(dataset.keys()):
            try:
                element = dataset[tag]
            except Exception:  # noqa: BLE001 a value that pydicom cannot convert cannot be judged either
                del dataset[tag]
                continue
            action = self._action(element, person, top)
            if action == "keep" and element.VR == "SQ":
                for item in element.value:
                    self._walk(item, patient, person, done, top=False)
            if action == "keep" and element.VR == "AS" and "age" not in self._skip:
                element.value = self._each(element.value, _hidden_age)
            if action == "keep" or (action == "uid" and str(element.value) in UID_dictionary):
                continue
            done.note(action, element)
            self._apply(dataset, element, action, patient)

    def _action(self, element: DataElement, person: Person, top: bool) -> str:
        """`keep`, `remove`, `empty`, `dummy`, `uid`, `shift`, or `terms` to keep what is a term."""
        tag, keyword = element.tag, keyword_for_tag(element.tag)
        if tag.is_private or _repeating(tag):
            return self._unlisted(tag, element)
        listed = self._profile.actions.get(int(tag), "")
        rule = {"X": "remove", "Z": "empty", "D": "dummy", "U": "uid", "K": "keep", "S": "shift"}.get(
            listed, ""
        )
        if rule in ("uid", "keep") and element.VR == "SQ":
            rule = "keep"
        if rule == "" or (rule == "keep" and element.VR != "SQ"):
            rule = _by_vr(element, top)
            if rule == "remove" and listed == "K" and element.VR in _TEXT:
                rule = "keep"  # an option asked for it: what it says is what the option is about
        if rule == "keep" and element.VR in _TEXT and person.is_meant_by(element.value):
            rule = "remove"
        if rule == "keep" and element.VR in ("DS", "IS") and person.is_counted_by(element.value):
            rule = "empty"
        if rule == "remove" and keyword in NEVER_ABSENT:
            rule = "empty"
        return "keep" if keyword in self._skip or rule in self._skip else rule

    def _unlisted(self, tag: BaseTag, element: DataElement) -> str:
        if tag.is_private:
            safe = "safe-private" in self._profile.options and is_safe_private(element)
            return "keep" if safe or "private" in self._skip else "remove"
        which = "curves" if tag.group & 0xFF00 == 0x5000 else "overlays"
        return "keep" if which in self._skip else "remove"

    def _apply(self, dataset: Dataset, element: DataElement, action: str, patient: str) -> None:
        if action == "remove" or (action in ("empty", "dummy") and element.VR == "SQ"):
            del dataset[element.tag]
        elif action == "terms":
            keyword = keyword_for_tag(element.tag)
            kept = [text for text in _several(element.value) if is_term(keyword, text)]
            dataset[element.tag].value = kept if len(kept) > 1 else "".join(kept)
        elif action == "uid":
            dataset[element.tag].value = self._each(element.value, self._uid)
        elif action == "shift":
            move = {
                "DA": self._pseudonyms.shift_date,
                "DT": self._pseudonyms.shift_date,
                "TM": self._pseudonyms.shift_time,
            }
            shift = move.get(element.VR, lambda text, patient: "")  # a time zone
            dataset[element.tag].value = self._each(element.value, lambda text: shift(text, patient))
        elif action == "empty":
            dataset[element.tag].value = None
        else:
            dataset[element.tag].value = _dummy(element.VR)

    @staticmethod
    def _each(value: Any, change: Callable[[str], str]) -> Any:
        if value is None or isinstance(value, str):
            return change(value) if value else value
        return [change(str(item)) for item in value]

    def _uid(self, uid: str) -> str:
        return uid if uid in UID_dictionary or not uid else self._pseudonyms.uid(uid)

    def _patient(self, dataset: Dataset, patient: str) -> None:
        name = self._pseudonyms.patient(patient)
        if "PatientID" not in self._skip:
            dataset.PatientID = name
        if "PatientName" not in self._skip:
            dataset.PatientName = name

    def _file_meta(self, dataset: Dataset) -> None:
        old = getattr(dataset, "file_meta", FileMetaDataset())
        dataset.file_meta = own_file_meta(dataset, old.get("TransferSyntaxUID", "1.2.840.10008.1.2"))

    def _say_so(self, dataset: Dataset, clean: bool) -> None:
        applied = self._profile.options if clean else self._profile.options - {"clean-pixel-data"}
        codes = self._profile.method_codes(applied)
        dataset.PatientIdentityRemoved = "YES"
        dataset.DeidentificationMethod = [f"PS3.15 {meaning}"[:64] for _, meaning in codes]
        dataset.DeidentificationMethodCodeSequence = DicomSequence([_code(*code) for code in codes])
        dated = "modified-dates" in self._profile.options
        dataset.LongitudinalTemporalInformationModified = "MODIFIED" if dated else "REMOVED"


def own_file_meta(dataset: Dataset, transfer_syntax: str) -> FileMetaDataset:
    """File meta that says what it must (PS3.10 7.1) and that we wrote it."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID", "")
    meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID", "")
    meta.ImplementationClassUID = IMPLEMENTATION_UID
    meta.ImplementationVersionName = "MEDGANTRY"
    meta.TransferSyntaxUID = transfer_syntax
    return meta


def _by_vr(element: DataElement, top: bool) -> str:
    """What is done to an attribute that Table E.1-1 does not name, or keeps by an option."""
    vr, keyword = element.VR, keyword_for_tag(element.tag)
    if not keyword or element.tag.element == 0 or vr not in dictionary_VR(element.tag):
        return "remove"
    if vr in ("UI", "CS"):
        return {"UI": "uid", "CS": "terms"}[vr]
    if vr in ("DA", "DT", "TM"):
        return "remove"
    if keyword in REQUIRED:
        return "dummy"
    if vr in _TEXT:
        return "keep" if is_technical(keyword, element.value) else "remove"
    if vr in _BYTES:
        return "keep" if keyword in PIXELS and top else "remove"
    return "keep" if is_sound(element) else "remove"


def _hidden_age(age: str) -> str:
    years = re.fullmatch(r"(\d{3})Y", age)
    return "090Y" if years and int(years[1]) > OLDEST_AGE else age


def _repeating(tag: BaseTag) -> bool:
    """Curves (50xx) and overlays (60xx)."""
    return tag.group & 0xFF00 in (0x5000, 0x6000)


def _several(value: Any) -> list[str]:
    if value is None:
        return []
    return [str(value)] if isinstance(value, str) else [str(item) for item in value]


def _dummy(vr: str) -> Any:
    if vr == "DA":
        return "19000101"
    if vr == "DT":
        return "19000101000000"
    if vr == "TM":
        return "000000"
    return DUMMY if vr in (_TEXT | {"CS"}) - {"PN"} else None


def _code(value: str, meaning: str) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "DCM", meaning[:64]
    return code
