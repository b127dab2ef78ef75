"""A URI decides which source is opened."""

import tarfile
import zipfile
from pathlib import Path

import pytest

from medgantry.errors import InvalidInput
from medgantry.ingest.dicom.sources.dicomweb import DicomWebSource
from medgantry.ingest.dicom.sources.dimse import DimseSource
from medgantry.ingest.dicom.sources.files import FileSource
from medgantry.ingest.dicom.sources.open import FORMS, open_source
from medgantry.ingest.dicom.sources.tcia import TciaSource
from medgantry.phantoms.dicom.series import make_series, write_series
from medgantry.phantoms.dicom.spec import SeriesSpec
from medgantry.storage import ObjectStore


@pytest.mark.parametrize(
    ("uri", "kind"),
    [
        ("dicomweb+https://host/dicom-web?PatientID=1", DicomWebSource),
        ("dicomweb+http://host:8042/dicom-web", DicomWebSource),
        ("dimse://PACS@host:104?retrieve=move", DimseSource),
        ("{folder}/m.tcia", TciaSource),
        ("{folder}/m.tcia#https://mirror/v1", TciaSource),
        ("file://{folder}/m.tcia", TciaSource),
        ("{folder}/files", FileSource),
        ("file://{folder}/files", FileSource),
        ("{folder}/files.tar", FileSource),
        ("{folder}/files.zip", FileSource),
    ],
)
def test_the_form_of_a_uri_decides(uri: str, kind: type, tmp_path: Path) -> None:
    (tmp_path / "m.tcia").write_text("ListOfSeriesToDownload=\n1.2.3\n")
    paths = write_series(make_series(SeriesSpec(slices=2)), tmp_path / "files")
    with (
        tarfile.open(tmp_path / "files.tar", "w") as tar,
        zipfile.ZipFile(tmp_path / "files.zip", "w") as zipped,
    ):
        for path in paths:
            tar.add(path, path.name)
            zipped.write(path, path.name)
    source = open_source(uri.format(folder=tmp_path), tmp_path / "scratch")
    assert type(source) is kind
    if kind is FileSource:
        (study,) = source.studies().studies
        assert len(list(source.fetch(study, study.series[0], tmp_path / "got"))) == study.instances == 2


def test_a_bucket_is_a_source(store: ObjectStore, tmp_path: Path) -> None:
    for path in write_series(make_series(SeriesSpec(slices=2)), tmp_path / "files"):
        store.put_file(f"data/{path.name}", path)
    source = open_source(store.uri("data"), tmp_path / "scratch")
    (study,) = source.studies().studies
    assert len(list(source.fetch(study, study.series[0], tmp_path / "got"))) == 2


@pytest.mark.parametrize(
    "uri", ["", "ftp://alice:secret@host/x", "dicomweb://host", "https://host/dicom-web"]
)
def test_another_form_is_answered_with_those_there_are(uri: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="the forms are") as caught:
        open_source(uri, tmp_path)
    assert all(form in caught.value.message for form in FORMS)
    assert "secret" not in str(caught.value)
