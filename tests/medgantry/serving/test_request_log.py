"""What a server logs of requests: numbers and hashes, and nothing of what names somebody."""

import base64
import gzip
import signal
from datetime import UTC, datetime, timedelta

import nibabel
import numpy as np
import pytest

from medgantry.monitoring.request_log import read_requests
from tests.medgantry.brightness import CHANNELS, make_bundle, write_case
from tests.medgantry.serving.served import NAME, outputs, served

PLANTED = "QUILLFEATHER^JANE^19520304"


def test_every_request_is_logged_and_nobody_is_named(store, tmp_path):
    bundle = make_bundle(tmp_path / "bundle")
    images, _ = write_case(tmp_path / "case", 1)
    planted = []
    for path in images:
        image = nibabel.load(path)
        image.header["descrip"] = PLANTED.encode()
        image.header["intent_name"] = PLANTED[:15].encode()
        image.header["aux_file"] = PLANTED.encode()
        target = tmp_path / f"{PLANTED}-{path.name}"
        nibabel.save(nibabel.Nifti1Image(np.asanyarray(image.dataobj), image.affine, image.header), target)
        store.put_file(f"inbox/{PLANTED}/{path.name}", target)
        planted.append(target)
    uris = [store.uri(f"inbox/{PLANTED}/{path.name}") for path in images]
    texts = [base64.b64encode(path.read_bytes()).decode() for path in planted]

    def request(items):
        return {
            "id": PLANTED,
            "inputs": [
                {
                    "name": name,
                    "shape": [1],
                    "datatype": "BYTES",
                    "data": [item],
                    "parameters": {"who": PLANTED},
                }
                for name, item in zip(CHANNELS, items, strict=True)
            ],
            "parameters": {"patient": PLANTED},
        }

    with served(bundle.folder, store) as server:
        found = outputs(server.ask(request(texts)))
        assert outputs(server.ask(request(uris))) == found
        assert server.ask(request([PLANTED] * 3)).status == 400
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(60) == 0
        log = server.log.read_text()
    now = datetime.now(UTC)
    window = read_requests(store, NAME, now - timedelta(hours=1), now + timedelta(hours=1))
    assert [record.status for record in window.records] == ["answered", "answered", "refused"]
    assert window.lost == 0
    first = window.records[0]
    assert first.volumes_ml == {"ball": pytest.approx(found["volume_ml"][0])}
    assert set(first.statistics.channels) == set(CHANNELS)
    assert first.statistics.channels["A"].spacing_mm == pytest.approx([1.5, 1.5, 2.0])
    assert first.inputs == window.records[1].inputs
    objects = list(store.list("monitoring/"))
    assert objects
    written = "".join(gzip.decompress(store.get_bytes(item.key)).decode() + item.key for item in objects)
    for told in (written, log):
        assert not [word for word in PLANTED.split("^") if word in told]
    assert len(first.inputs) == 3
