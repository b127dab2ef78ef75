"""A PACS by DICOMweb, by C-GET and by C-MOVE: the same studies, the same bytes, the same clear refusals."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import JPEG2000Lossless, RLELossless

from medgantry.dicom.network.dimse import Peer
from medgantry.dicom.network.dimse_store import store_files
from medgantry.errors import InvalidInput, SourceUnavailable
from medgantry.ingest.dicom.sources.dicomweb import DicomWebSource
from medgantry.ingest.dicom.sources.dimse import DimseSource
from medgantry.ingest.dicom.sources.source import DicomSource, SourceStudy
from medgantry.ledger import Unusable
from medgantry.phantoms.dicom.segmentation import example_masks, make_segmentation
from medgantry.phantoms.dicom.series import make_series, mr_spec, pet_spec, write_dataset, write_series
from medgantry.phantoms.dicom.spec import SeriesSpec
from pipelines.runners.ports import free_port
from tests.http_double import HttpDouble, Reply
from tests.orthanc import Orthanc

WAYS = ["web", "get", "move"]
SPEC = SeriesSpec(slices=4, patient_id="SOURCE-1")
STUDIES = [
    replace(SPEC, patient_id=f"SOURCE-{number}", study_date=f"2020010{number}") for number in range(1, 6)
]
"""Five studies of five patients."""


@pytest.fixture(scope="module")
def sent(orthanc: Orthanc, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """All files on the server; the first study has a CT, a compressed CT, an MR, a PET and a segmentation."""
    folder = tmp_path_factory.mktemp("sent")
    specs = [
        *STUDIES,
        replace(SPEC, series_number=3, transfer_syntax=RLELossless),
        mr_spec(replace(SPEC, series_number=4, transfer_syntax=JPEG2000Lossless)),
        pet_spec(replace(SPEC, series_number=5)),
    ]
    paths = [
        path
        for index, spec in enumerate(specs)
        for path in write_series(make_series(spec), folder / str(index))
    ]
    series = make_series(SPEC)
    paths.append(folder / "seg.dcm")
    write_dataset(make_segmentation(series, example_masks(series)).dataset, paths[-1])
    peer = Peer(host="127.0.0.1", port=orthanc.dicom_port, called=orthanc.title)
    assert all(one.accepted for one in store_files(peer, paths))
    return paths


@pytest.fixture(autouse=True)
def login(orthanc: Orthanc, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in orthanc.environment.items():
        monkeypatch.setenv(name, value)


def open_way(
    way: str, orthanc: Orthanc, query: str = "PatientID=SOURCE-*", patience: float = 10
) -> DicomSource:
    if way == "web":
        return DicomWebSource(f"dicomweb+{orthanc.dicomweb}?{query}", patience=patience, page=2)
    move = f"&retrieve=move&listen={orthanc.listen}" if way == "move" else ""
    return DimseSource(f"{orthanc.dimse}{move}&{query}", patience=patience)


def instances(paths: Sequence[Path]) -> dict[str, tuple[str, str, bytes]]:
    """SOPInstanceUID -> series, encoding, pixels."""
    read = [dcmread(path) for path in paths]
    return {
        str(one.SOPInstanceUID): (
            str(one.SeriesInstanceUID),
            str(one.file_meta.TransferSyntaxUID),
            one.PixelData,
        )
        for one in read
    }


@pytest.mark.parametrize("way", WAYS)
def test_everything_comes_back_as_it_was_sent(
    way: str, orthanc: Orthanc, sent: list[Path], tmp_path: Path
) -> None:
    source = open_way(way, orthanc)
    listing = source.studies()
    assert [study.study_uid for study in listing.studies] == sorted(str(spec.study_uid) for spec in STUDIES)
    assert {study.patient_id for study in listing.studies} == {spec.patient_id for spec in STUDIES}
    assert sum(study.instances for study in listing.studies) == len(sent)
    wanted, found = instances(sent), {}
    for study in listing.studies:
        for series in study.series:
            folder = tmp_path / series.series_uid[-8:]
            paths = list(source.fetch(SourceStudy.of(study.document()), series, folder))
            assert len(paths) == series.instances
            assert sorted(paths) == sorted(folder.iterdir())
            assert {uid for uid, *_ in instances(paths).values()} == {series.series_uid}
            found |= instances(paths)
    assert found == wanted


def test_all_ways_list_the_same(orthanc: Orthanc, sent: list[Path]) -> None:
    listings = [open_way(way, orthanc).studies() for way in WAYS]
    assert listings[0] == listings[1] == listings[2]
    assert listings[0] == open_way("web", orthanc).studies()


@pytest.mark.parametrize("way", WAYS)
def test_a_query_chooses(way: str, orthanc: Orthanc, sent: list[Path]) -> None:
    def chosen(query: str) -> list[tuple[str, list[str]]]:
        studies = open_way(way, orthanc, query).studies().studies
        return sorted((study.patient_id, sorted(one.modality for one in study.series)) for study in studies)

    assert chosen("PatientID=SOURCE-2") == [("SOURCE-2", ["CT"])]
    dates = chosen("PatientID=SOURCE-*&StudyDate=20200104-")
    assert dates == [("SOURCE-4", ["CT"]), ("SOURCE-5", ["CT"])]
    assert chosen("PatientID=SOURCE-*&ModalitiesInStudy=PT") == [
        ("SOURCE-1", ["CT", "CT", "MR", "PT", "SEG"])
    ]
    assert chosen("PatientID=SOURCE-*&Modality=SEG") == [("SOURCE-1", ["SEG"])]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("PatientID=NOBODY", "has no study that matches"),
        ("PatientID=SOURCE-2&Modality=MR", "no series that matches in 1"),
    ],
)
def test_nothing_found_is_one_clear_line(
    way: str, query: str, message: str, orthanc: Orthanc, sent: list[Path]
) -> None:
    with pytest.raises(InvalidInput, match=message) as caught:
        open_way(way, orthanc, query).studies()
    assert "Widen the query" in caught.value.remedy
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("way", WAYS)
def test_a_misspelt_attribute_is_not_ignored(way: str, orthanc: Orthanc) -> None:
    with pytest.raises(InvalidInput, match="'PatientIdent' is none"):
        open_way(way, orthanc, "PatientIdent=1")


@pytest.mark.parametrize(
    ("variable", "message"), [("PASSWORD", "refused the login"), ("USERNAME", "without login")]
)
def test_a_wrong_login(
    variable: str, message: str, orthanc: Orthanc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"MEDGANTRY_DICOMWEB_{variable}", "" if variable == "USERNAME" else "wrong")
    with pytest.raises(InvalidInput, match=message) as caught:
        open_way("web", orthanc).studies()
    assert "MEDGANTRY_DICOMWEB_PASSWORD" in caught.value.remedy
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("way", ["get", "move"])
def test_a_wrong_title(way: str, orthanc: Orthanc, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("title", "calling"):
        monkeypatch.setattr(orthanc, name, "NOBODY")
        with pytest.raises(InvalidInput, match=r"does not recognise the call(ed|ing) AE title") as caught:
            open_way(way, orthanc).studies()
        assert caught.value.remedy.startswith("Correct the URI")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("way", WAYS)
def test_nobody_there(way: str, orthanc: Orthanc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orthanc, "http_port", free_port())
    monkeypatch.setattr(orthanc, "dicom_port", free_port())
    with pytest.raises(SourceUnavailable, match=r"127\.0\.0\.1:\d+") as caught:
        open_way(way, orthanc, patience=0.5).studies()
    assert "runs and is reachable" in caught.value.remedy
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("way", WAYS)
def test_a_server_that_dies_in_mid_transfer(way: str, tmp_path: Path, sent: list[Path]) -> None:
    spec = SeriesSpec(slices=1, rows=512, columns=512, patient_id="DYING", noise=False)
    dataset = make_series(spec).datasets[0]
    paths = [tmp_path / "sent" / f"{number}.dcm" for number in range(40)]
    paths[0].parent.mkdir()
    for number, path in enumerate(paths):
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = spec.instance_uid(number)
        write_dataset(dataset, path)
    with Orthanc(tmp_path / "orthanc") as server:
        peer = Peer(host="127.0.0.1", port=server.dicom_port, called=server.title)
        assert all(one.accepted for one in store_files(peer, paths))
        source = open_way(way, server, "PatientID=DYING", patience=1)
        study = source.studies().studies[0]
        paths_so_far = source.fetch(study, study.series[0], tmp_path / "first")
        arrived = [next(paths_so_far) for _ in range(3)]
        server.kill()
        with pytest.raises(SourceUnavailable):
            arrived.extend(paths_so_far)
        assert 3 <= len(arrived) < 40
        whole = [path for path in (tmp_path / "first").iterdir() if path.suffix == ".dcm"]
        assert instances([*arrived, *whole]).items() <= instances(paths).items()
        assert not list((tmp_path / "first").glob("*.part"))
        server.start()
        assert instances(list(source.fetch(study, study.series[0], tmp_path / "second"))) == instances(paths)


@pytest.mark.parametrize("way", WAYS)
def test_fewer_than_listed_is_refused(way: str, orthanc: Orthanc, sent: list[Path], tmp_path: Path) -> None:
    source = open_way(way, orthanc, "PatientID=SOURCE-2")
    (study,) = source.studies().studies
    more = replace(study.series[0], instances=5)
    with pytest.raises(Unusable, match="every instance of a series") as caught:
        list(source.fetch(study, more, tmp_path / "got"))
    assert caught.value.evidence == "4 of 5 instances came"


@pytest.mark.parametrize("way", WAYS)
def test_a_series_that_is_gone_is_refused(
    way: str, orthanc: Orthanc, sent: list[Path], tmp_path: Path
) -> None:
    source = open_way(way, orthanc, "PatientID=SOURCE-2")
    (study,) = source.studies().studies
    gone = replace(study.series[0], series_uid="1.2.3.4")
    with pytest.raises(Unusable) as caught:
        list(source.fetch(study, gone, tmp_path / "got"))
    assert "1.2.3.4" not in str(caught.value)


def test_a_study_with_an_impossible_uid_is_refused_alone() -> None:
    def answer(request):
        if request.path == "/studies":
            return _json('{"0020000D": {"Value": ["1.2"]}}', '{"0020000D": {"Value": ["../3"]}}')
        return _json('{"0020000E": {"Value": ["1.2.1"]}}')

    with HttpDouble(answer) as double:
        listing = DicomWebSource(f"dicomweb+{double.url}").studies()
    assert [study.study_uid for study in listing.studies] == ["1.2"]
    assert list(listing.refused) == ["study 1 of 2"]
    assert listing.studies[0].series[0].instances == 0  # the server does not say


def _json(*records: str) -> Reply:
    return Reply(headers={"Content-Type": "application/dicom+json"}, body=f"[{','.join(records)}]".encode())


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("dimse://host:104", "an AE title, a host or a port is missing"),
        ("dimse://PACS@host", "is missing"),
        ("dimse://PACS@:104", "is missing"),
        ("dimse://PACS:secret@host:104", "is missing"),
        ("dimse://PACS@host:99999", "is missing"),
        ("dimse://PACS@host:104?retrieve=push", "got 'push'"),
        ("dimse://PACS@host:104?listen=x", "and 'x'"),
        ("dimse://PACS@host:104?calling=A_TITLE_TOO_LONG_FOR_IT", "1 to 16 printable"),
        ("dimse://PACS@host:104?Calling=X", "or one of calling, listen, retrieve"),
    ],
)
def test_a_uri_of_a_pacs_that_is_none(uri: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message) as caught:
        DimseSource(uri)
    assert "secret" not in str(caught.value)
    assert caught.value.remedy.startswith("Correct the URI")


def test_credentials_in_an_address_are_refused_unseen() -> None:
    with pytest.raises(InvalidInput, match="holds credentials") as caught:
        DicomWebSource("dicomweb+https://alice:secret@host/dicom-web?PatientID=1")
    assert "secret" not in str(caught.value)
