"""Search, retrieve and store, against a real server and against what other servers do differently."""

import json
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from dicomweb_client.api import DICOMwebClient
from pydicom import dcmread
from pydicom.dataset import Dataset

from medgantry.dicom.network.dicomweb import DicomWeb, text
from medgantry.dicom.network.multipart import FileParts
from medgantry.errors import InvalidInput, SourceUnavailable
from medgantry.ledger import Unusable
from medgantry.phantoms.dicom.segmentation import example_masks, make_segmentation
from medgantry.phantoms.dicom.series import make_series, write_dataset, write_series
from medgantry.phantoms.dicom.spec import SeriesSpec
from tests.http_double import HttpDouble, Reply, Request
from tests.orthanc import Orthanc

SPEC = SeriesSpec(slices=6, patient_id="WEB-0001")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_series(make_series(SPEC), tmp_path_factory.mktemp("series"))


@pytest.fixture
def web(orthanc: Orthanc, monkeypatch: pytest.MonkeyPatch) -> DicomWeb:
    for name, value in orthanc.environment.items():
        monkeypatch.setenv(name, value)
    return DicomWeb(orthanc.dicomweb, patience=10, page=2)


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)


def multipart(paths: Sequence[Path]) -> Reply:
    parts = FileParts(paths)
    return Reply(headers={"Content-Type": parts.headers["Content-Type"]}, body=b"".join(parts), length=False)


def dicom_json(**values: str) -> dict[str, dict[str, object]]:
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset.to_json_dict()


def results(records: Sequence[object], **headers: str) -> Reply:
    return Reply(
        headers={"Content-Type": "application/dicom+json", **headers}, body=json.dumps(records).encode()
    )


def test_a_segmentation_is_stored_and_read_back(web: DicomWeb, orthanc: Orthanc, tmp_path: Path) -> None:
    series = make_series(SPEC)
    paths = write_series(series, tmp_path / "ct")
    segmentation = make_segmentation(series, example_masks(series))
    write_dataset(segmentation.dataset, tmp_path / "seg.dcm")
    (tmp_path / "notes.txt").write_text("no DICOM")
    sent = list(web.store([*paths, tmp_path / "seg.dcm", tmp_path / "notes.txt"]))
    assert {one.path: one.accepted for one in sent} == {
        **dict.fromkeys([*paths, tmp_path / "seg.dcm"], True),
        tmp_path / "notes.txt": False,
    }
    assert "readable DICOM" in next(one.reason for one in sent if not one.accepted)

    listed = web.series(SPEC.study_uid, {"Modality": "SEG"})
    assert [text(one, "Modality") for one in listed] == ["SEG"]
    (back,) = web.retrieve(SPEC.study_uid, text(listed[0], "SeriesInstanceUID"), tmp_path / "back")
    assert dcmread(back).PixelData == segmentation.dataset.PixelData

    # Another client sees the same: what we sent is what the server understood.
    login = f"{orthanc.username}:{orthanc.password}@"
    peer = DICOMwebClient(orthanc.dicomweb.replace("http://", f"http://{login}"))
    instances = peer.search_for_instances(SPEC.study_uid, SPEC.series_uid)
    assert {one["00080018"]["Value"][0] for one in instances} == {
        str(one.SOPInstanceUID) for one in series.datasets
    }


def test_studies_come_page_by_page(web: DicomWeb, tmp_path: Path) -> None:
    specs = [replace(SPEC, slices=1, study=study, patient_id="PAGED") for study in range(10, 15)]
    assert all(
        one.accepted
        for spec in specs
        for one in web.store(write_series(make_series(spec), tmp_path / str(spec.study)))
    )
    found = web.studies({"PatientID": "PAGED"})
    assert [text(one, "StudyInstanceUID") for one in found] == sorted(str(spec.study_uid) for spec in specs)
    assert web.studies({"PatientID": "NOBODY"}) == []


@pytest.mark.parametrize(
    "server", ["ignores the limit", "ignores limit and offset", "has a smaller limit", "overlaps"]
)
def test_servers_page_in_ways_of_their_own(server: str) -> None:
    records = [dicom_json(StudyInstanceUID=f"1.2.{number}", PatientID="A") for number in range(10, 17)]

    def answer(request: Request) -> Reply:
        offset, limit = int(request.value("offset")), int(request.value("limit"))
        if server == "ignores limit and offset":
            return results(records)
        if server == "ignores the limit":
            return results(records[offset:]) if offset < len(records) else Reply(status=204)
        if server == "has a smaller limit":
            more = {"Warning": "299 host: more results"} if offset + 2 < len(records) else {}
            return results(records[offset : offset + 2], **more)
        return results(records[max(0, offset - 1) : offset + limit])

    with HttpDouble(answer) as double:
        found = DicomWeb(double.url, page=3).studies({})
        assert [text(one, "StudyInstanceUID") for one in found] == [
            f"1.2.{number}" for number in range(10, 17)
        ]
        assert len(double.requests) <= 5


@pytest.mark.parametrize("content", [b"<html>please log in</html>", b'{"error": 1}', b"[1, 2]"])
def test_something_else_than_dicomweb_is_told(content: bytes) -> None:
    with HttpDouble(lambda _: Reply(headers={"Content-Type": "text/html"}, body=content)) as double:
        with pytest.raises(InvalidInput, match="answered a search with text/html") as caught:
            DicomWeb(double.url).studies({})
        assert "below which /studies is" in caught.value.remedy


def test_a_listing_that_breaks_is_asked_again() -> None:
    whole = results([dicom_json(StudyInstanceUID="1.2.3")])
    replies = [replace(whole, cut=9), whole]
    with HttpDouble(lambda _: replies.pop(0)) as double:
        assert len(DicomWeb(double.url).studies({})) == 1
    with (
        HttpDouble(lambda _: replace(whole, cut=9)) as double,
        pytest.raises(SourceUnavailable, match="early"),
    ):
        DicomWeb(double.url).studies({})


def retrieve(answer: Callable[[Request], Reply], folder: Path) -> tuple[list[Path], HttpDouble]:
    with HttpDouble(answer) as double:
        found = list(DicomWeb(double.url, patience=2).retrieve(SPEC.study_uid, SPEC.series_uid, folder))
    return found, double


def same_files(found: Sequence[Path], wanted: Sequence[Path]) -> bool:
    return sorted(path.read_bytes() for path in found) == sorted(path.read_bytes() for path in wanted)


def test_a_transfer_that_broke_is_completed_without_doubles(files: list[Path], tmp_path: Path) -> None:
    whole = multipart(files)
    cuts = [len(whole.body) // 2, None]
    found, double = retrieve(lambda _: replace(whole, cut=cuts.pop(0)), tmp_path)
    assert same_files(found, files)
    assert sorted(found) == sorted(tmp_path.iterdir())
    assert len(double.requests) == 2
    assert double.requests[0].headers["accept"].endswith("transfer-syntax=*")


@pytest.mark.usefixtures("no_pause")
def test_a_transfer_that_goes_on_breaking_is_given_up_without_half_files(
    files: list[Path], tmp_path: Path
) -> None:
    whole = multipart(files)
    arrived: list[Path] = []
    with HttpDouble(lambda _: replace(whole, cut=len(whole.body) // 2)) as double:
        with pytest.raises(SourceUnavailable, match="ended early"):
            arrived.extend(DicomWeb(double.url).retrieve(SPEC.study_uid, SPEC.series_uid, tmp_path))
        assert len(double.requests) == 4
    assert arrived
    assert sorted(arrived) == sorted(tmp_path.iterdir())


def test_one_instance_may_come_without_parts(files: list[Path], tmp_path: Path) -> None:
    single = Reply(headers={"Content-Type": "application/dicom"}, body=files[0].read_bytes())
    found, _ = retrieve(lambda _: single, tmp_path)
    assert same_files(found, files[:1])


@pytest.mark.parametrize(
    ("reply", "evidence"),
    [
        (Reply(status=404), "answers 404"),
        (Reply(status=406), "answers 406"),
        (Reply(status=500), "answers 500"),
        (Reply(headers={"Content-Type": "text/html"}, body=b"log in"), "delivers text/html"),
    ],
)
def test_a_series_that_cannot_be_delivered_is_refused(reply: Reply, evidence: str, tmp_path: Path) -> None:
    with pytest.raises(Unusable) as caught:
        retrieve(lambda _: reply, tmp_path)
    assert evidence in caught.value.evidence
    assert not list(tmp_path.iterdir())


def test_an_instance_of_another_series_is_refused(files: list[Path], tmp_path: Path) -> None:
    other = write_series(make_series(replace(SPEC, series_number=9, slices=1)), tmp_path / "other")
    with pytest.raises(Unusable, match="that was asked for"):
        retrieve(lambda _: multipart([*files, *other]), tmp_path / "got")
    assert same_files(list((tmp_path / "got").iterdir()), files)


def test_a_uid_that_leads_elsewhere_is_never_asked_for(tmp_path: Path) -> None:
    for uid in ("../../system", "1.2/../3", "", "1..2", "1" * 65):
        with pytest.raises(Unusable, match="digits and dots"):
            list(DicomWeb("http://127.0.0.1:1").retrieve(SPEC.study_uid, uid, tmp_path))


def test_every_file_gets_the_verdict_of_the_server(files: list[Path]) -> None:
    uids = [str(dcmread(path).SOPInstanceUID) for path in files]
    answer = Dataset()
    answer.FailedSOPSequence = [Dataset()]
    answer.FailedSOPSequence[0].ReferencedSOPInstanceUID = uids[0]
    answer.FailedSOPSequence[0].FailureReason = 0xA900
    answer.ReferencedSOPSequence = [Dataset(), Dataset()]
    for item, uid in zip(answer.ReferencedSOPSequence, uids[1:3], strict=True):
        item.ReferencedSOPInstanceUID = uid
    answer.ReferencedSOPSequence[1].WarningReason = 0xB000
    reply = Reply(
        status=202, headers={"Content-Type": "application/dicom+json"}, body=answer.to_json().encode()
    )
    replies = [Reply(status=503), reply]
    with HttpDouble(lambda _: replies.pop(0)) as double:
        sent = list(DicomWeb(double.url, patience=5).store(files[:4]))
        assert double.requests[0].body == double.requests[1].body
    assert [(one.accepted, one.reason) for one in sent] == [
        (False, "the server refuses it, reason A900H"),
        (True, ""),
        (True, "warning B000H"),
        (False, "the server does not say that it keeps it (HTTP 202)"),
    ]


def test_what_the_server_has_already_is_kept(files: list[Path]) -> None:
    answer = Dataset()
    answer.FailedSOPSequence = [Dataset()]
    answer.FailedSOPSequence[0].ReferencedSOPInstanceUID = str(dcmread(files[0]).SOPInstanceUID)
    answer.FailedSOPSequence[0].FailureReason = 0x0111
    with HttpDouble(lambda _: Reply(status=409, body=answer.to_json().encode())) as double:
        (sent,) = DicomWeb(double.url).store(files[:1])
    assert (sent.accepted, sent.reason) == (True, "the server has it already")


@pytest.mark.parametrize("status", [400, 409, 413])
def test_a_refused_batch_is_a_verdict_on_each_of_its_files(files: list[Path], status: int) -> None:
    with HttpDouble(lambda _: Reply(status=status, body=b"no JSON")) as double:
        sent = list(DicomWeb(double.url).store(files))
    assert [one.path for one in sent] == files
    assert {(one.accepted, one.reason) for one in sent} == {
        (False, f"the server does not say that it keeps it (HTTP {status})")
    }


def test_three_hundred_instances_pass_through_little_memory(
    web: DicomWeb, tmp_path: Path, stored_long_series: list[Path]
) -> None:
    header = dcmread(stored_long_series[0], stop_before_pixels=True)
    total = sum(path.stat().st_size for path in stored_long_series)
    tracemalloc.start()
    try:
        folder = tmp_path / "got"
        count = sum(1 for _ in web.retrieve(header.StudyInstanceUID, header.SeriesInstanceUID, folder))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == len(stored_long_series) == 300
    assert sum(path.stat().st_size for path in folder.iterdir()) == total
    assert peak < 4 << 20 < total / 8
