"""The DICOM objects of a prediction: written once, and the same ever after.

Their UIDs come from the content, their times do not: written anew, one UID would name two objects.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from medgantry.cohort import File
from medgantry.dicom.export.segmentation import Algorithm, Segment
from medgantry.dicom.header import read_header
from medgantry.dicom.source_instances import source_instances
from medgantry.exporting.case import export_case
from medgantry.fingerprint import hash_file, hash_value
from medgantry.storage import ObjectStore
from medgantry.storage.commits import commit, committed
from medgantry.storage.files import fetch


@dataclass(frozen=True, kw_only=True)
class WrittenObject:
    """One object in the store."""

    uri: str
    sha256: str
    sop_instance_uid: str


@dataclass(frozen=True, kw_only=True)
class Written:
    """The objects of one prediction."""

    objects: Sequence[WrittenObject]
    sources: Sequence[str]
    """SOP Instance UIDs of the slices that they refer to."""


class Writer:
    """Writes what was not written before.

    Args:
        regions: Region -> codes in a prediction.
        segments: How regions are called.
        algorithm: What predicted.
        measurements: Whether volumes are reported too.
        store: Where objects go.
    """

    def __init__(
        self,
        regions: Mapping[str, Sequence[int]],
        segments: Sequence[Segment],
        algorithm: Algorithm,
        *,
        measurements: bool,
        store: ObjectStore,
    ) -> None:
        self._regions, self._segments, self._algorithm = regions, segments, algorithm
        self._measurements, self._store = measurements, store

    def __call__(self, prediction: File, dicom: File) -> Written:
        """The objects of a prediction on its slices.

        Raises:
            Mismatch: If its grid is not its slices'.
        """
        named = [asdict(segment) for segment in self._segments], asdict(self._algorithm)
        content = [prediction.sha256, dicom.sha256, dict(self._regions), *named, self._measurements]
        prefix = f"exports/{hash_value(content)}"
        found = committed(self._store, f"{prefix}/objects.json")
        if found is None:
            found = commit(self._store, f"{prefix}/objects.json", self._write(prediction, dicom, prefix))
        return Written(objects=[WrittenObject(**row) for row in found["objects"]], sources=found["sources"])

    def _write(self, prediction: File, dicom: File, prefix: str) -> dict[str, Any]:
        with TemporaryDirectory(prefix="medgantry-export-") as name:
            folder = Path(name)
            how = self._regions, self._segments, self._algorithm, folder
            paths = export_case(prediction, dicom, *how, measurements=self._measurements)
            objects = [asdict(self._keep(path, prefix)) for path in paths]
            sources = source_instances(fetch(dicom.uri, dicom.sha256, folder, dicom.format))
        return {"objects": objects, "sources": sources}

    def _keep(self, path: Path, prefix: str) -> WrittenObject:
        sha256 = hash_file(path)
        key = f"{prefix}/{sha256[:16]}-{path.name}"  # of two attempts at once, the one that commits is kept
        self._store.put_file(key, path)
        uid = read_header(path).text("SOPInstanceUID")
        return WrittenObject(uri=self._store.uri(key), sha256=sha256, sop_instance_uid=uid)
