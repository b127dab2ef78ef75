"""Associations, queries, retrieval and storage, against a real PACS and against peers that behave otherwise."""

import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless
from pynetdicom import AE, evt
from pynetdicom.presentation import build_context
from pynetdicom.sop_class import (
    CTImageStorage,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)

from medgantry.dicom.network.dimse import Peer, associate, echo, finding
from medgantry.dicom.network.dimse_contexts import MAX_CONTEXTS, retrieval_contexts
from medgantry.dicom.network.dimse_retrieve import get_series, move_series
from medgantry.dicom.network.dimse_store import store_files
from medgantry.errors import InvalidInput, SourceUnavailable
from medgantry.ledger import Unusable
from medgantry.phantoms.dicom.series import make_series, write_series
from medgantry.phantoms.dicom.spec import SeriesSpec
from pipelines.runners.ports import free_port
from tests.orthanc import Orthanc

SPEC = SeriesSpec(slices=5, patient_id="DIMSE-0001")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_series(make_series(SPEC), tmp_path_factory.mktemp("series"))


@pytest.fixture
def peer(orthanc: Orthanc) -> Peer:
    return Peer(host="127.0.0.1", port=orthanc.dicom_port, called=orthanc.title, patience=10)


@contextmanager
def double(handlers: Sequence[Any] = (), contexts: Sequence[Any] = (), **settings: Any) -> Iterator[Peer]:
    """A peer on this machine that does what its handlers do."""
    entity = AE(ae_title="DOUBLE")
    for context in contexts:
        entity.add_supported_context(
            *(context if isinstance(context, tuple) else (context,)), scu_role=True, scp_role=True
        )
    for name, value in settings.items():
        setattr(entity, name, value)
    port = free_port()
    server = entity.start_server(("127.0.0.1", port), block=False, evt_handlers=list(handlers))
    try:
        yield Peer(host="127.0.0.1", port=port, called="DOUBLE", patience=2)
    finally:
        server.shutdown()


def test_echo(peer: Peer) -> None:
    echo(peer)
    echo(replace(peer, host="localhost"))


@pytest.mark.parametrize(
    ("change", "message", "remedy"),
    [
        ({"called": "OTHER"}, "does not recognise the called AE title", "before @ is the PACS's"),
        ({"calling": "STRANGER"}, "does not recognise the calling AE title", "STRANGER must be registered"),
    ],
)
def test_a_wrong_title_is_told_at_once(peer: Peer, change: dict[str, str], message: str, remedy: str) -> None:
    with pytest.raises(InvalidInput, match=message) as caught:
        echo(replace(peer, **change))
    assert remedy in caught.value.remedy


def test_nobody_there(peer: Peer) -> None:
    for change in ({"port": free_port()}, {"host": "no.such.host.invalid"}):
        with pytest.raises(SourceUnavailable, match="no association within 1 s") as caught:
            echo(replace(peer, patience=1.0, **change))
        assert "Check host and port" in caught.value.remedy


def test_somebody_who_does_not_speak_dicom() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(SourceUnavailable, match="no association within 1 s"):
            echo(Peer(host="127.0.0.1", port=port, called="X", patience=1.0))


@pytest.mark.parametrize("title", ["", "SEVENTEEN-LETTERS", "BACK\\SLASH", "Ä", "TAB\t"])
def test_an_impossible_title_is_refused(title: str) -> None:
    with pytest.raises(InvalidInput, match="1 to 16 printable"):
        Peer(host="h", port=1, called=title)


def test_a_login_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    def check(event: Any) -> tuple[bool, None]:
        return event.primary_field == b"alice" and event.secondary_field == b"wonderland", None

    with double([(evt.EVT_USER_ID, check)], [Verification]) as peer:
        monkeypatch.setenv("MEDGANTRY_DIMSE_USERNAME", "alice")
        monkeypatch.setenv("MEDGANTRY_DIMSE_PASSWORD", "wonderland")
        echo(peer)
        monkeypatch.setenv("MEDGANTRY_DIMSE_PASSWORD", "wrong")
        with pytest.raises(InvalidInput, match="rejected the association") as caught:
            echo(peer)
        assert "MEDGANTRY_DIMSE_PASSWORD" in caught.value.remedy
        assert "wrong" not in str(caught.value)


def test_a_peer_that_does_not_offer_what_is_wanted() -> None:
    with (
        double(contexts=[Verification]) as peer,
        pytest.raises(InvalidInput, match=r"but not Study Root .* FIND"),
        finding(peer),
    ):
        pass
    with double(contexts=[Verification, CTImageStorage]) as peer:
        with pytest.raises(InvalidInput, match="does not offer C-GET") as caught:
            list(get_series(peer, "1.2", "1.3", Path("unused")))
        assert "retrieve=move" in caught.value.remedy


def test_queries(peer: Peer, files: list[Path]) -> None:
    assert all(one.accepted for one in store_files(peer, files))
    with finding(peer) as finder:
        (study,) = finder.studies({"PatientID": SPEC.patient_id, "ModalitiesInStudy": "CT"})
        assert study.StudyInstanceUID == SPEC.study_uid
        (series,) = finder.series(SPEC.study_uid, {})
        assert series.SeriesInstanceUID == SPEC.series_uid
        assert series.NumberOfSeriesRelatedInstances == 5
        assert finder.series(SPEC.study_uid, {"Modality": "MR"}) == []
        assert finder.studies({"PatientID": "NOBODY"}) == []


@pytest.mark.parametrize(
    ("status", "error", "message"),
    [(0xA700, SourceUnavailable, "A700H"), (0xA900, InvalidInput, "A900H"), (0xC001, InvalidInput, "C001H")],
)
def test_a_refused_query(status: int, error: type[Exception], message: str) -> None:
    with (
        double(
            [(evt.EVT_C_FIND, lambda _: iter([(status, None)]))], [StudyRootQueryRetrieveInformationModelFind]
        ) as peer,
        finding(peer) as finder,
        pytest.raises(error, match=message),
    ):
        finder.studies({})


def test_a_peer_that_leaves_in_the_middle_of_an_answer() -> None:
    def leave(event: Any) -> Iterator[tuple[int, Dataset]]:
        found = Dataset()
        found.StudyInstanceUID = "1.2"
        yield 0xFF00, found
        event.assoc.abort()

    with (
        double([(evt.EVT_C_FIND, leave)], [StudyRootQueryRetrieveInformationModelFind]) as peer,
        pytest.raises(SourceUnavailable, match="ended the association in mid-transfer"),
        finding(peer) as finder,
    ):
        finder.studies({})


def test_an_answer_waits_for_the_one_who_asked(peer: Peer) -> None:
    with associate(peer, [build_context(Verification)]) as association:
        association.dimse.msg_queue.put((1, "an answer that comes between two of the reactor's looks"))
        time.sleep(0.1)
        assert association.dimse.msg_queue.qsize() == 1
        association.dimse.msg_queue.get()


@pytest.mark.parametrize("modality", ["CT", "MR", "PT", "SEG", "MG", "OT", "", "??"])
def test_what_is_proposed_fits_into_an_association(modality: str) -> None:
    contexts = retrieval_contexts(modality)
    assert len(contexts) == MAX_CONTEXTS - 1
    encodings = {context.abstract_syntax: set() for context in contexts}
    for context in contexts:
        encodings[context.abstract_syntax] |= set(context.transfer_syntax)
    assert all({ImplicitVRLittleEndian, ExplicitVRLittleEndian} <= found for found in encodings.values())
    if modality == "CT":
        assert len(encodings[CTImageStorage]) == 16


def same_instances(found: Sequence[Path], wanted: Sequence[Path]) -> None:
    """Same UIDs, same encoding, same bytes of pixels."""
    read = [{str((one := dcmread(path)).SOPInstanceUID): one for path in paths} for paths in (found, wanted)]
    assert read[0].keys() == read[1].keys()
    assert len(found) == len(wanted)
    for uid, one in read[0].items():
        assert one.PixelData == read[1][uid].PixelData
        assert one.file_meta.TransferSyntaxUID == read[1][uid].file_meta.TransferSyntaxUID
        assert one.file_meta.MediaStorageSOPInstanceUID == uid
        assert one.file_meta.MediaStorageSOPClassUID == one.SOPClassUID


@pytest.mark.parametrize(
    ("number", "encoding"), [(20, ExplicitVRLittleEndian), (21, ImplicitVRLittleEndian), (22, RLELossless)]
)
@pytest.mark.parametrize("how", ["get", "move"])
def test_a_series_comes_back_as_it_was_sent(
    peer: Peer, orthanc: Orthanc, tmp_path: Path, number: int, encoding: Any, how: str
) -> None:
    spec = replace(SPEC, slices=3, series_number=number, transfer_syntax=encoding)
    wanted = write_series(make_series(spec), tmp_path / "wanted")
    assert {(one.accepted, one.reason) for one in store_files(peer, wanted)} == {(True, "")}
    folder = tmp_path / "found"
    if how == "get":
        found = list(get_series(peer, spec.study_uid, spec.series_uid, folder, modality="CT"))
    else:
        found = list(move_series(peer, spec.study_uid, spec.series_uid, folder, listen=orthanc.listen))
    same_instances(found, wanted)
    assert sorted(found) == sorted(folder.iterdir())


def test_a_listener_is_there_only_while_something_is_wanted(
    peer: Peer, orthanc: Orthanc, files: list[Path], tmp_path: Path
) -> None:
    list(store_files(peer, files))
    paths = move_series(peer, SPEC.study_uid, SPEC.series_uid, tmp_path, listen=orthanc.listen)
    next(paths)
    echo(Peer(host="127.0.0.1", port=orthanc.listen, called=peer.calling, patience=2))
    paths.close()
    with pytest.raises(SourceUnavailable):
        echo(Peer(host="127.0.0.1", port=orthanc.listen, called=peer.calling, patience=0.3))


def test_a_port_in_use_is_named(peer: Peer, tmp_path: Path) -> None:
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SourceUnavailable, match=f"Port {port}.*in use") as caught:
            list(move_series(peer, "1.2", "1.3", tmp_path, listen=port))
    assert "listen=" in caught.value.remedy


def test_a_pacs_that_looks_for_us_elsewhere(peer: Peer, files: list[Path], tmp_path: Path) -> None:
    list(store_files(peer, files))
    with pytest.raises(Unusable) as caught:
        list(move_series(peer, SPEC.study_uid, SPEC.series_uid, tmp_path, listen=free_port()))
    assert "nothing connected to us" in caught.value.evidence
    assert "Register MEDGANTRY with this machine's address and port" in caught.value.remedy


@pytest.mark.parametrize(
    ("status", "failed", "error", "message"),
    [
        (0xA801, 0, InvalidInput, "does not know the AE title MEDGANTRY as a destination"),
        (0xA702, 0, SourceUnavailable, "could not start sending .A702H"),
        (0xB000, 2, Unusable, "2 failed, 3 came .status B000H"),
        (0x0000, 1, Unusable, "1 failed"),
        (0xC123, 0, Unusable, "C123H"),
    ],
)
def test_what_the_last_report_of_a_transfer_says(
    status: int,
    failed: int,
    error: type[Exception],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pynetdicom.association.Association.send_c_move", _answering(status, failed))
    with (
        double(contexts=[StudyRootQueryRetrieveInformationModelMove]) as peer,
        pytest.raises(error, match=message),
    ):
        list(move_series(peer, "1.2", "1.3", tmp_path, listen=free_port()))


def _answering(status: int, failed: int) -> Callable[..., Iterator[tuple[Dataset, None]]]:
    def answer(*_: Any, **__: Any) -> Iterator[tuple[Dataset, None]]:
        last = Dataset()
        last.Status, last.NumberOfFailedSuboperations = status, failed
        last.NumberOfCompletedSuboperations = 3 if failed else 0
        return iter([(last, None)])

    return answer


def giving(paths: Sequence[Path], *, leave_after: int = 100) -> Callable[[Any], Iterator[Any]]:
    """A C-GET handler that sends files, and goes away in the middle."""

    def give(event: Any) -> Iterator[Any]:
        yield len(paths)
        for number, path in enumerate(paths):
            if number == leave_after:
                event.assoc.abort()
                return
            yield 0xFF00, dcmread(path)

    return give


def test_a_peer_that_leaves_in_mid_transfer(files: list[Path], tmp_path: Path) -> None:
    contexts = [StudyRootQueryRetrieveInformationModelGet, CTImageStorage]
    arrived: list[Path] = []
    with (
        double([(evt.EVT_C_GET, giving(files, leave_after=3))], contexts) as peer,
        pytest.raises(SourceUnavailable, match="in mid-transfer"),
    ):
        arrived.extend(get_series(peer, SPEC.study_uid, SPEC.series_uid, tmp_path, modality="CT"))
    assert len(arrived) == 3
    assert sorted(arrived) == sorted(tmp_path.iterdir())


def test_an_instance_of_another_series_is_refused(files: list[Path], tmp_path: Path) -> None:
    other = write_series(make_series(replace(SPEC, series_number=9, slices=1)), tmp_path / "other")
    contexts = [StudyRootQueryRetrieveInformationModelGet, CTImageStorage]
    with (
        double([(evt.EVT_C_GET, giving([*files, *other]))], contexts) as peer,
        pytest.raises(Unusable, match="that was asked for"),
    ):
        list(get_series(peer, SPEC.study_uid, SPEC.series_uid, tmp_path / "got", modality="CT"))
    same_instances(list((tmp_path / "got").iterdir()), files)


def test_a_full_disk_is_told_as_such(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("medgantry.dicom.network.incoming.Incoming.write", full)
    contexts = [StudyRootQueryRetrieveInformationModelGet, CTImageStorage]
    with (
        double([(evt.EVT_C_GET, giving(files))], contexts) as peer,
        pytest.raises(OSError, match="No space left"),
    ):
        list(get_series(peer, SPEC.study_uid, SPEC.series_uid, tmp_path, modality="CT"))


def test_files_are_sent_as_they_are(files: list[Path], tmp_path: Path) -> None:
    received: list[tuple[str, bytes]] = []

    def keep(event: Any) -> int:
        received.append((str(event.context.transfer_syntax), event.request.DataSet.getvalue()))
        return 0x0000

    compressed = write_series(make_series(replace(SPEC, slices=1, transfer_syntax=RLELossless)), tmp_path)
    contexts = [(CTImageStorage, [ExplicitVRLittleEndian, RLELossless])]
    with double([(evt.EVT_C_STORE, keep)], contexts) as peer:
        assert all(one.accepted for one in store_files(peer, [files[0], *compressed]))
    assert [syntax for syntax, _ in received] == [ExplicitVRLittleEndian, RLELossless]
    for (_, content), path in zip(received, [files[0], *compressed], strict=True):
        assert path.read_bytes().endswith(content)


def test_every_file_gets_a_verdict(files: list[Path], tmp_path: Path) -> None:
    verdicts = [0x0000, 0xB000, 0xA700, 0xC000, 0x0111]
    compressed = write_series(make_series(replace(SPEC, slices=1, transfer_syntax=RLELossless)), tmp_path)
    (tmp_path / "notes.txt").write_text("no DICOM")
    raw = tmp_path / "raw"
    raw.write_bytes(files[0].read_bytes()[132 + 12 + dcmread(files[0]).file_meta[2, 0].value :])
    with double(
        [(evt.EVT_C_STORE, lambda _: verdicts.pop(0))], [(CTImageStorage, [ImplicitVRLittleEndian])]
    ) as peer:
        sent = list(store_files(peer, [*files[:5], *compressed, tmp_path / "notes.txt", raw]))
    found = {one.path: (one.accepted, one.reason) for one in sent}
    assert [found[path] for path in files[:5]] == [  # spelled anew, as implicit
        (True, ""),
        (True, "warning B000H"),
        (False, "refused with status A700H"),
        (False, "refused with status C000H"),
        (True, "the server has it already"),
    ]
    assert found[compressed[0]] == (False, "the PACS does not take this kind of object in this encoding")
    assert found[tmp_path / "notes.txt"][0] is False
    assert found[raw] == (False, "the file has no meta information that says how it is encoded")


def test_a_peer_that_leaves_while_files_are_sent(files: list[Path]) -> None:
    count = threading.Semaphore(2)

    def keep(event: Any) -> int:
        if not count.acquire(blocking=False):
            event.assoc.abort()
        return 0x0000

    sent = []
    with (
        double([(evt.EVT_C_STORE, keep)], [CTImageStorage]) as peer,
        pytest.raises(SourceUnavailable, match="in mid-transfer"),
    ):
        sent.extend(store_files(peer, files))
    assert [one.accepted for one in sent] == [True, True]


def test_three_hundred_instances_pass_through_little_memory(
    peer: Peer, stored_long_series: list[Path], tmp_path: Path
) -> None:
    header = dcmread(stored_long_series[0], stop_before_pixels=True)
    uids = header.StudyInstanceUID, header.SeriesInstanceUID
    tracemalloc.start()
    try:
        count = sum(1 for _ in get_series(peer, *uids, tmp_path, modality="CT"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == len(stored_long_series) == 300
    assert peak < 8 << 20 < sum(path.stat().st_size for path in stored_long_series) / 4


def test_what_is_sent_passes_through_little_memory(long_series: list[Path]) -> None:
    with double([(evt.EVT_C_STORE, lambda _: 0)], [CTImageStorage]) as peer:
        list(store_files(peer, long_series[:2]))
        tracemalloc.start()
        try:
            assert all(one.accepted for one in store_files(peer, long_series[:60]))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < 2 << 20 < sum(path.stat().st_size for path in long_series[:60]) / 3
