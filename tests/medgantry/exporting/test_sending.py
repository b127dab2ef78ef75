"""What a target has taken is not sent to it again, and what it refused is."""

import pytest
from pydicom import Dataset, dcmread

from medgantry.dicom.network.sent import Sent
from medgantry.errors import SourceUnavailable
from medgantry.exporting.sending import Sender
from medgantry.exporting.writing import WrittenObject
from medgantry.fingerprint import hash_file
from medgantry.phantoms.dicom.series import make_series, write_series
from medgantry.phantoms.dicom.spec import SeriesSpec
from tests.http_double import HttpDouble, Reply


@pytest.fixture
def objects(store, tmp_path):
    found = []
    for path in write_series(make_series(SeriesSpec(slices=2)), tmp_path):
        store.put_file(path.name, path)
        uid = str(dcmread(path).SOPInstanceUID)
        found.append(WrittenObject(uri=store.uri(path.name), sha256=hash_file(path), sop_instance_uid=uid))
    return found


def answer(kept, refused):
    """A STOW-RS answer about these objects."""
    said = Dataset()
    said.ReferencedSOPSequence = [item_of(one) for one in kept]
    said.FailedSOPSequence = [item_of(one) for one in refused]
    for item in said.FailedSOPSequence:
        item.FailureReason = 0xA700
    return Reply(status=202, headers={"Content-Type": "application/dicom+json"}, body=said.to_json().encode())


def item_of(one):
    item = Dataset()
    item.ReferencedSOPInstanceUID = one.sop_instance_uid
    return item


def test_only_what_was_refused_is_sent_again(objects, store):
    first, second = objects
    replies = [answer([first], [second]), answer([second], [])]
    with HttpDouble(lambda _: replies.pop(0)) as double:
        send = Sender(f"dicomweb+{double.url}", store)
        found = send(objects)
        assert [found[one.sop_instance_uid].accepted for one in objects] == [True, False]
        found = send(objects)
        assert [found[one.sop_instance_uid].accepted for one in objects] == [True, True]
        assert [found[one.sop_instance_uid].earlier for one in objects] == [True, False]
        assert all(delivery.earlier for delivery in send(objects).values())
    bodies = [request.body for request in double.requests]
    assert [first.sop_instance_uid.encode() in body for body in bodies] == [True, False]
    assert len(bodies) == 2


def test_another_target_gets_them_too(objects, store):
    with HttpDouble(lambda _: answer(objects, [])) as one, HttpDouble(lambda _: answer(objects, [])) as other:
        for double in (one, other, one):
            Sender(f"dicomweb+{double.url}", store)(objects)
    assert (len(one.requests), len(other.requests)) == (1, 1)


def test_what_was_taken_before_a_target_went_away_is_remembered(objects, store, monkeypatch):
    def gone_after_one(paths):
        yield Sent(path=paths[0], accepted=True)
        raise SourceUnavailable("The PACS is away.")

    monkeypatch.setattr("medgantry.exporting.sending.open_target", lambda _: gone_after_one)
    with pytest.raises(SourceUnavailable):
        Sender("dimse://pacs", store)(objects)
    (taken,) = store.list("exports/sent/")
    assert objects[0].sop_instance_uid in taken.key
