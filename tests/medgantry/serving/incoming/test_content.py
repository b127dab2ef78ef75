"""What arrives: files by how they begin, archives within limits, references to allowed places alone."""

import io
import zipfile

import nibabel
import numpy as np
import pytest

from medgantry.dicom.frame import read_frames
from medgantry.dicom.header import read_header
from medgantry.dicom.network.dimse_store import store_files
from medgantry.dicom.network.peer_uri import peer_of
from medgantry.dicom.series import group_series
from medgantry.dicom.volume import read_volume
from medgantry.errors import InvalidInput, ObjectMissing, SourceUnavailable
from medgantry.phantoms.dicom.archive import write_archive
from medgantry.serving.exchange import Given
from medgantry.serving.incoming import references as module
from medgantry.serving.incoming.content import Receiver
from medgantry.serving.incoming.references import References
from medgantry.serving.incoming.volumes import receive_volume
from medgantry.serving.limits import Limits
from medgantry.serving.refusals import TooLarge

LIMITS = Limits(request_mib=8, file_mib=9, unpacked_mib=16, archive_files=50, megavoxels=2)
NOWHERE = References(sources=[], targets=[])


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    """The files of one CT series."""
    folder = tmp_path_factory.mktemp("archive")
    (patient,) = write_archive(folder, patients=1, broken=0, seed=3, identified=False)
    headers = [read_header(path) for path in patient.files]
    found = group_series([header for header in headers if header.text("Modality") == "CT"])
    largest = max(found, key=lambda one: len(one.headers))
    return [header.path for header in largest.headers]


def zipped(files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return stream.getvalue()


def given(data):
    return Given(name="CT", values=[data])


def test_a_zipped_series_is_the_volume_that_ingest_makes(series, tmp_path):
    data = zipped((f"a/{number}", path.read_bytes()) for number, path in enumerate(reversed(series)))
    found = receive_volume(given(data), Receiver(LIMITS, NOWHERE), tmp_path)
    image = nibabel.load(found.file.uri)
    frames = [frame for path in series for frame in read_frames(read_header(path))]
    wanted = read_volume(frames, modality="CT")
    np.testing.assert_array_equal(np.asanyarray(image.dataobj), wanted.voxels.transpose(2, 1, 0))
    np.testing.assert_allclose(image.affine, wanted.grid.nifti_affine, atol=1e-4)
    places = [float(one.ImagePositionPatient[2]) for one in found.slices]
    assert len(places) == wanted.voxels.shape[0]
    assert places == sorted(places)


def test_two_series_and_half_a_series_are_refused(series, tmp_path):
    half = zipped((str(number), path.read_bytes()) for number, path in enumerate(series) if number != 3)
    with pytest.raises(InvalidInput, match=r"spacing|slices"):
        receive_volume(given(half), Receiver(LIMITS, NOWHERE), tmp_path / "half")
    with pytest.raises(InvalidInput, match="found 0"):
        receive_volume(given(zipped([])), Receiver(LIMITS, NOWHERE), tmp_path / "none")
    with pytest.raises(InvalidInput):
        receive_volume(given(zipped([("a", b"no DICOM")])), Receiver(LIMITS, NOWHERE), tmp_path / "other")


@pytest.mark.parametrize("name", ["../out", "/etc/out", "a/../../out", "..\\out"])
def test_an_archive_that_leaves_its_folder_is_refused(name, tmp_path):
    with pytest.raises(InvalidInput, match="leaves its folder"):
        Receiver(LIMITS, NOWHERE).receive(zipped([(name, b"x")]), tmp_path / "a" / "b")
    assert not [path for path in tmp_path.rglob("out*")]


def test_an_archive_that_unpacks_to_too_much_is_refused_unread(tmp_path):
    with pytest.raises(TooLarge, match="20 MiB in 1 files"):
        Receiver(LIMITS, NOWHERE).receive(zipped([("zeros", bytes(20 << 20))]), tmp_path)
    with pytest.raises(TooLarge, match="in 51 files"):
        Receiver(LIMITS, NOWHERE).receive(zipped((str(n), b"") for n in range(51)), tmp_path / "many")


def test_an_archive_that_lies_about_what_it_unpacks_to_is_refused(tmp_path):
    honest = zipped([("zeros", bytes(20 << 20))])
    size = (20 << 20).to_bytes(4, "little")
    lying = honest.replace(size, (1000).to_bytes(4, "little"))
    assert lying != honest
    with pytest.raises(InvalidInput, match=r"no whole \.zip"):
        Receiver(LIMITS, NOWHERE).receive(lying, tmp_path)
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) < 1 << 20


def test_a_volume_with_too_many_voxels_is_refused(tmp_path):
    tensor = Given(
        name="CT",
        values=np.zeros((200, 200, 200), np.uint8),
        parameters={"affine": str(np.eye(4).ravel().tolist())},
    )
    with pytest.raises(TooLarge, match="at most 2 million"):
        receive_volume(tensor, Receiver(LIMITS, NOWHERE), tmp_path)


@pytest.mark.parametrize(
    "affine", [None, "", "[1, 2]", "no", "[" + "0, " * 15 + "1]", "[NaN" + ", 0" * 15 + "]"]
)
def test_a_tensor_must_say_where_it_is(affine, tmp_path):
    parameters = {} if affine is None else {"affine": affine}
    tensor = Given(name="CT", values=np.zeros((3, 3, 3), np.int16), parameters=parameters)
    with pytest.raises(InvalidInput, match="affine"):
        receive_volume(tensor, Receiver(LIMITS, NOWHERE), tmp_path)


@pytest.mark.parametrize(
    "values",
    [np.full((3, 3, 3), np.nan, np.float32), np.zeros((3, 3, 3), np.float64), np.zeros((3,), np.int16)],
)
def test_a_tensor_that_is_no_volume_is_refused(values, tmp_path):
    tensor = Given(name="CT", values=values, parameters={"affine": str(np.eye(4).ravel().tolist())})
    with pytest.raises(InvalidInput):
        receive_volume(tensor, Receiver(LIMITS, NOWHERE), tmp_path)


def test_references_are_read_and_written_where_they_may(store, tmp_path):
    store.put_bytes("inbox/a", b"abc")
    references = References(sources=[store.uri("inbox")], targets=[store.uri("answers")])
    references.fetch(store.uri("inbox/a"), tmp_path / "a", LIMITS)
    assert (tmp_path / "a").read_bytes() == b"abc"
    uri = references.put(store.uri("answers/p"), "a", tmp_path / "a")
    assert (uri, store.get_bytes("answers/p/a")) == (store.uri("answers/p/a"), b"abc")
    with pytest.raises(ObjectMissing):
        references.fetch(store.uri("inbox/b"), tmp_path / "b", LIMITS)
    store.put_bytes("other", b"abc")
    for wrong in ("other", "inboxes/a", "inbox/../other", "inbox/%2e%2e/other", "inbox/a?x=1", "inbox/./a"):
        with pytest.raises(InvalidInput, match="may not be read"):
            references.fetch(store.uri(wrong), tmp_path / "c", LIMITS)
    for wrong in ("", "inbox", "answers/../inbox"):
        with pytest.raises(InvalidInput, match="may not be written"):
            references.check_target(store.uri(wrong))
    store.put_bytes("inbox/large", bytes(9 << 20))
    references.fetch(store.uri("inbox/large"), tmp_path / "larger than a body may be", LIMITS)
    store.put_bytes("inbox/large", bytes((9 << 20) + 1))
    with pytest.raises(TooLarge):
        references.fetch(store.uri("inbox/large"), tmp_path / "d", LIMITS)


def test_a_pacs_that_is_allowed_is_asked_and_its_absence_told(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_PATIENCE_SECONDS", 0.5)
    references = References(sources=["dicomweb+http://127.0.0.1:9/dicom-web"], targets=[])
    uri = "dicomweb+http://127.0.0.1:9/dicom-web/studies/1.2/series/3.4"
    with pytest.raises(SourceUnavailable):
        references.fetch(uri, tmp_path / "series", LIMITS)
    for wrong in ("studies/", "studies/1.2/series/3.4/instances/5", "series/3.4"):
        with pytest.raises(InvalidInput, match="names no series"):
            references.fetch(f"dicomweb+http://127.0.0.1:9/dicom-web/{wrong}", tmp_path / "x", LIMITS)
    for wrong in (
        "http://127.0.0.1:90/dicom-web",
        "http://user@127.0.0.1:9/dicom-web",
        "https://127.0.0.1:9/dicom-web",
    ):
        with pytest.raises(InvalidInput, match="may not be read"):
            references.fetch(f"dicomweb+{wrong}/studies/1.2/series/3.4", tmp_path / "x", LIMITS)


def test_a_series_comes_from_a_real_pacs(orthanc, series, tmp_path, monkeypatch):
    for name, value in orthanc.environment.items():
        monkeypatch.setenv(name, value)
    assert all(sent.accepted for sent in store_files(peer_of(orthanc.dimse), series))
    header = read_header(series[0])
    study, uid = header.text("StudyInstanceUID"), header.text("SeriesInstanceUID")
    base = f"dicomweb+{orthanc.dicomweb}"
    receiver = Receiver(LIMITS, References(sources=[base], targets=[]))
    data = zipped((str(number), path.read_bytes()) for number, path in enumerate(series))
    wanted = receive_volume(given(data), receiver, tmp_path / "zip")
    for number, uri in enumerate((f"{base}/studies/{study}/series/{uid}", f"{base}/studies/{study}")):
        folder = tmp_path / str(number)
        found = receive_volume(given(uri), receiver, folder)
        assert (found.file.sha256, len(found.slices)) == (wanted.file.sha256, len(wanted.slices))
