"""The series of a manifest come whole and checked from an archive that breaks, lies and lacks some of them."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from medgantry.errors import InvalidInput, SourceUnavailable
from medgantry.ingest.dicom.sources.tcia import TciaSource
from medgantry.ledger import Unusable
from medgantry.phantoms.dicom.series import make_series, write_series
from medgantry.phantoms.dicom.spec import SeriesSpec
from medgantry.storage import ObjectStore
from pipelines.runners.ports import free_port
from tests.http_double import HttpDouble, Reply
from tests.nbia import NbiaArchive

SPEC = SeriesSpec(slices=6, patient_id="TCIA-0001")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[list[Path]]:
    """The files of four series in two studies."""
    root = tmp_path_factory.mktemp("series")
    specs = [replace(SPEC, study=study, series_number=number) for study in (1, 2) for number in (1, 2)]
    return [write_series(make_series(spec), root / str(index)) for index, spec in enumerate(specs)]


@pytest.fixture
def archive(folders: list[list[Path]], monkeypatch: pytest.MonkeyPatch) -> Iterator[NbiaArchive]:
    with NbiaArchive() as server:
        for paths in folders:
            server.add(paths)
        monkeypatch.setenv("MEDGANTRY_NBIA_URL", f"{server.url}/nbia-api/services/v1")
        monkeypatch.setattr("time.sleep", _shorter(time.sleep))
        yield server


def _shorter(sleep):
    return lambda seconds: sleep(seconds / 20)


@pytest.fixture
def uids(archive: NbiaArchive, folders: list[list[Path]]) -> list[str]:
    return [archive.add(paths) for paths in folders]


@pytest.fixture
def source(archive: NbiaArchive, uids: list[str], tmp_path: Path) -> TciaSource:
    return TciaSource(str(archive.manifest(tmp_path / "m.tcia", uids)), tmp_path / "scratch", patience=3)


def fetch(source: TciaSource, uid: str, folder: Path) -> list[Path]:
    """One series."""
    study, series = next(
        (study, series)
        for study in source.studies().studies
        for series in study.series
        if series.series_uid == uid
    )
    return list(source.fetch(study, series, folder))


def same(found: list[Path], wanted: list[Path]) -> bool:
    return sorted(path.read_bytes() for path in found) == sorted(path.read_bytes() for path in wanted)


def test_a_manifest_is_listed(source: TciaSource, uids: list[str]) -> None:
    listing = source.studies()
    assert [study.patient_id for study in listing.studies] == ["TCIA-0001"] * 2
    assert sorted(series.series_uid for study in listing.studies for series in study.series) == sorted(uids)
    assert {(s.modality, s.instances) for study in listing.studies for s in study.series} == {("CT", 6)}
    fingerprints = {series.fingerprint for study in listing.studies for series in study.series}
    assert len(fingerprints) == 4
    assert listing == source.studies()


def test_all_series_at_once(
    source: TciaSource, archive: NbiaArchive, folders: list[list[Path]], uids: list[str], tmp_path: Path
) -> None:
    archive.delay = 0.1
    with ThreadPoolExecutor(4) as pool:
        fetched = list(pool.map(lambda uid: fetch(source, uid, tmp_path / uid), uids))
    assert all(same(found, wanted) for found, wanted in zip(fetched, folders, strict=True))
    assert archive.most_in_flight >= 4
    for uid, found in zip(uids, fetched, strict=True):
        assert sorted((tmp_path / uid).iterdir()) == sorted(found)
    assert not list((tmp_path / "scratch/partial").iterdir())


@pytest.mark.parametrize("ranges", [True, False])
def test_a_download_that_broke_is_continued(
    source: TciaSource,
    archive: NbiaArchive,
    folders: list[list[Path]],
    uids: list[str],
    tmp_path: Path,
    ranges: bool,
) -> None:
    archive.ranges = ranges
    archive.breaks[uids[0]] = [4000, 3000]
    assert same(fetch(source, uids[0], tmp_path / "got"), folders[0])
    asked = [request.headers.get("range") for request in archive.requests if "getImage" in request.path]
    assert asked == [None, "bytes=4000-", "bytes=7000-" if ranges else "bytes=3000-"]


def test_a_download_is_continued_by_the_next_process(
    source: TciaSource, archive: NbiaArchive, folders: list[list[Path]], uids: list[str], tmp_path: Path
) -> None:
    archive.breaks[uids[0]] = [4000, 0, 0, 0]
    with pytest.raises(SourceUnavailable, match="did not answer"):
        fetch(source, uids[0], tmp_path / "got")
    assert not (tmp_path / "got").exists()
    again = TciaSource(str(tmp_path / "m.tcia"), tmp_path / "scratch", patience=3)
    assert same(fetch(again, uids[0], tmp_path / "got"), folders[0])
    assert archive.requests[-1].headers["range"] == "bytes=4000-"


def test_two_halves_of_different_zips_are_not_believed(
    source: TciaSource, archive: NbiaArchive, uids: list[str], tmp_path: Path
) -> None:
    archive.changing = True
    archive.breaks[uids[0]] = [4000]
    assert len(fetch(source, uids[0], tmp_path / "got")) == 6
    asked = [request.headers.get("range") for request in archive.requests if "getImage" in request.path]
    assert asked == [None, "bytes=4000-", None]


def test_a_busy_archive_is_waited_for(
    source: TciaSource, archive: NbiaArchive, uids: list[str], tmp_path: Path
) -> None:
    archive.busy = 3
    assert len(source.studies().studies) == 2
    archive.busy = 2
    assert len(fetch(source, uids[0], tmp_path / "got")) == 6


def test_an_archive_without_hashes_is_still_read(
    source: TciaSource, archive: NbiaArchive, folders: list[list[Path]], uids: list[str], tmp_path: Path
) -> None:
    archive.hashes = False
    assert same(fetch(source, uids[0], tmp_path / "got"), folders[0])


@pytest.mark.parametrize(
    ("fault", "rule", "evidence"),
    [
        ("wrong", "MD5 that the archive states", "file 2 of 6 has another"),
        ("lost", "every instance of a series", "5 of 6 instances came"),
        ("up", "arrives as the archive states", "name that leaves its folder"),
        ("absolute", "arrives as the archive states", "name that leaves its folder"),
        ("unstated", "arrives as the archive states", "6 files are stated, 7 came"),
        ("other", "that was asked for", "another series"),
    ],
)
def test_what_is_not_as_stated_is_refused(
    source: TciaSource,
    archive: NbiaArchive,
    folders: list[list[Path]],
    uids: list[str],
    tmp_path: Path,
    fault: str,
    rule: str,
    evidence: str,
) -> None:
    if fault in ("wrong", "lost"):
        getattr(archive, fault).add(uids[0])
    extra = {"up": "../../up.dcm", "absolute": "/tmp/up.dcm", "unstated": "extra.dcm"}.get(fault)
    archive.extra = {extra: folders[0][0].read_bytes()} if extra else {}
    listing = source.studies()
    if fault == "other":
        archive._files[uids[0]] = folders[1]
    study, series = next((s, one) for s in listing.studies for one in s.series if one.series_uid == uids[0])
    arrived: list[Path] = []
    with pytest.raises(Unusable) as caught:
        arrived.extend(source.fetch(study, series, tmp_path / "deep/er/got"))
    assert rule in caught.value.rule
    assert evidence in caught.value.evidence
    assert len(arrived) == (5 if fault == "lost" else 0)
    assert sorted((tmp_path / "deep/er/got").iterdir()) == sorted(arrived)
    assert not list(tmp_path.rglob("up.dcm"))
    assert not list((tmp_path / "scratch/partial").iterdir())


def test_a_series_that_the_archive_lacks_is_refused_alone(
    source: TciaSource, archive: NbiaArchive, uids: list[str]
) -> None:
    archive.absent = {uids[1]}
    listing = source.studies()
    assert sum(len(study.series) for study in listing.studies) == 3
    assert list(listing.refused) == ["m.tcia line 8"]
    assert listing.refused["m.tcia line 8"].rule == "the archive has every series of the manifest"
    archive.absent = set(uids)
    with pytest.raises(InvalidInput, match="None of the 4 series") as caught:
        source.studies()
    assert "MEDGANTRY_NBIA_TOKEN" in caught.value.remedy


def test_a_series_that_vanished_since_it_was_listed(
    source: TciaSource, archive: NbiaArchive, uids: list[str], tmp_path: Path
) -> None:
    study = source.studies().studies[0]
    archive.absent = set(uids)
    with pytest.raises(Unusable, match="has every series of the manifest"):
        list(source.fetch(study, study.series[0], tmp_path / "got"))


def test_the_address_after_the_manifest_comes_first(
    archive: NbiaArchive, uids: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}/x"
    monkeypatch.setenv("MEDGANTRY_NBIA_URL", nowhere)
    path = archive.manifest(tmp_path / "m.tcia", uids[:1])
    assert TciaSource(f"{path}#{archive.url}/v1", tmp_path / "scratch").studies().studies
    with pytest.raises(SourceUnavailable, match=nowhere):
        TciaSource(str(path), tmp_path / "scratch", patience=0.5).studies()


def test_something_that_is_no_archive(tmp_path: Path) -> None:
    path = tmp_path / "m.tcia"
    path.write_text("ListOfSeriesToDownload=\n1.2.3\n")
    for reply, message in (
        (Reply(status=404), "no getSeriesMetaData"),
        (Reply(body=b"<html>"), "than a JSON list"),
    ):
        with (
            HttpDouble(lambda _, reply=reply: reply) as double,
            pytest.raises(InvalidInput, match=message) as caught,
        ):
            TciaSource(f"{path}#{double.url}", tmp_path).studies()
        assert "MEDGANTRY_NBIA_URL" in caught.value.remedy


def test_a_manifest_in_the_store(
    archive: NbiaArchive, uids: list[str], tmp_path: Path, store: ObjectStore
) -> None:
    store.put_file("m.tcia", archive.manifest(tmp_path / "m.tcia", [*uids, uids[0]]))
    listing = TciaSource(store.uri("m.tcia"), tmp_path / "scratch").studies()
    assert sum(len(study.series) for study in listing.studies) == 4


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: No such file"),
        (b"\x00\xff\xfe", "no manifest of the archive"),
        (b"manifestVersion=3.0\n", "no line ListOfSeriesToDownload="),
        (b"manifestVersion=3.0\nListOfSeriesToDownload=\n\n", "names no series"),
        (b"ListOfSeriesToDownload=\n1.2.3\n1.2.3?x=../\n", "Line 3 of"),
    ],
)
def test_a_manifest_that_is_none(content: bytes | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "m.tcia"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidInput, match=message):
        TciaSource(str(path), tmp_path / "scratch")
