"""Whom a request makes the server talk to: allowed places, and nobody whom these name in turn."""

from itertools import product

import pytest

from tests.http_double import HttpDouble, Reply
from tests.medgantry.brightness import CHANNELS, make_bundle
from tests.medgantry.serving.served import served

SERIES = "/studies/1.2.3/series/1.2.4"
STUDY = "/studies/1.2.3"


@pytest.fixture
def elsewhere():
    """A service within the network that no request may reach."""
    with HttpDouble(lambda _: Reply(body=b"secret")) as double:
        yield double


def test_a_pacs_that_is_allowed_does_not_lead_the_server_elsewhere(elsewhere, store, tmp_path):
    reply = [Reply()]
    bundle = make_bundle(tmp_path / "bundle")
    with HttpDouble(lambda _: reply[0]) as pacs:
        # The allowed folder is `/web`; beside it, the same host has other things.
        allowed = f"dicomweb+{pacs.url}/web"
        targets = [f"{elsewhere.url}{SERIES}", f"{pacs.url}/admin", "//169.254.169.254/latest"]
        with served(bundle.folder, store, {"MEDGANTRY_SERVING_SOURCES": allowed}) as server:
            for asked, status, target in product((SERIES, STUDY), (301, 302, 303, 307, 308), targets):
                reply[0] = Reply(status=status, headers={"Location": target})
                inputs = [
                    {"name": name, "shape": [1], "datatype": "BYTES", "data": [allowed + asked]}
                    for name in CHANNELS
                ]
                response = server.ask({"inputs": inputs})
                assert response.status == 400
                assert f"{pacs.url}/web redirects" in response.json()["error"]
        assert {request.path.split("/")[1] for request in pacs.requests} == {"web"}
    assert elsewhere.requests == []
