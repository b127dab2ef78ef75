"""The page in a real browser: a file goes in, the overlay shows, and nothing but the server is asked."""

import base64
import io
import json
import subprocess
import time
from contextlib import contextmanager

import numpy as np
import pytest
import urllib3
import websocket
from PIL import Image

from tests.chromium import CHROMIUM, FLAGS, MISSING
from tests.medgantry import colours
from tests.medgantry.brightness import CHANNELS, make_bundle, write_case
from tests.medgantry.serving.served import served


class Browser:
    """A page of Chromium, driven over its DevTools protocol, that notes every address it asks for."""

    def __init__(self, socket):
        self._socket, self._number, self.asked = socket, 0, []

    def call(self, method, **parameters):
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv())
            if message.get("method") == "Network.requestWillBeSent":
                self.asked.append(message["params"]["request"]["url"])
            if message.get("id") == self._number:
                assert "error" not in message, message
                return message["result"]

    def value(self, expression):
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def wait(self, expression, seconds=60):
        deadline = time.monotonic() + seconds
        while not self.value(expression):
            assert time.monotonic() < deadline, self.value("document.body.innerText")
            time.sleep(0.2)

    def choose(self, field, path):
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=f"[id='{field}']")["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(path)])


@contextmanager
def browser(url, profile):
    if CHROMIUM is None:
        pytest.skip(MISSING)
    process = subprocess.Popen(
        [CHROMIUM, *FLAGS, "--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        port = profile / "DevToolsActivePort"
        deadline = time.monotonic() + 60
        while not (port.exists() and port.read_text().count("\n")):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        address = f"http://127.0.0.1:{port.read_text().splitlines()[0]}/json"
        (tab, *_) = [one for one in urllib3.request("GET", address).json() if one["type"] == "page"]
        socket = websocket.create_connection(tab["webSocketDebuggerUrl"], suppress_origin=True, timeout=60)
        page = Browser(socket)
        page.call("Network.enable")
        page.call("Page.enable")
        page.call("Page.navigate", url=url)
        yield page
        socket.close()
    finally:
        process.kill()
        process.wait()


def only_asks(page, server):
    outside = [url for url in page.asked if not url.startswith((server.url, "data:", "about:"))]
    assert outside == []
    assert any(url.endswith("/infer") for url in page.asked)


def test_a_volume_goes_in_and_the_overlay_shows(store, tmp_path):
    bundle = make_bundle(tmp_path / "bundle")
    images, _ = write_case(tmp_path / "case", 1)
    with served(bundle.folder, store, page=True) as server, browser(server.url, tmp_path / "profile") as page:
        page.wait("document.querySelectorAll('input[type=file]').length === 3")
        assert "Brightness" in page.value("document.body.innerText")
        for name, path in zip(CHANNELS, images, strict=True):
            page.choose(f"input-{name}", path)
        page.call("Runtime.evaluate", expression="document.querySelector('button').click()")
        page.wait("document.querySelector('#overlay')?.naturalWidth > 0")
        assert "ball" in page.value("document.querySelector('#answer').innerText")
        source = page.value("document.querySelector('#overlay').src").partition(",")[2]
        pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(source))).convert("RGB")).astype(int)
        coloured = np.ptp(pixels, axis=2) > 40
        assert 10 < coloured.sum() < 0.6 * coloured.size
        only_asks(page, server)


def test_a_photo_goes_in_and_the_classes_show(store, tmp_path):
    cohort = colours.make_cohort(store, tmp_path, test=2)
    bundle = colours.make_bundle(tmp_path / "bundle", cohort, noise=0.0)
    photo = tmp_path / "photo.png"
    pixels = np.full((32, 32, 3), (180, 60, 60), np.uint8)
    pixels[:4] = 20
    Image.fromarray(pixels).save(photo)
    with served(bundle.folder, store, page=True) as server, browser(server.url, tmp_path / "profile") as page:
        page.wait("document.querySelectorAll('input[type=file]').length === 1")
        page.choose("input-image", photo)
        page.call("Runtime.evaluate", expression="document.querySelector('button').click()")
        page.wait("document.querySelectorAll('#answer tr').length > 1")
        assert "%" in page.value("document.querySelector('#answer').innerText")
        only_asks(page, server)


def test_what_is_wrong_is_said_and_there_is_no_page_unless_asked_for(store, tmp_path):
    bundle = make_bundle(tmp_path / "bundle")
    (tmp_path / "no.nii").write_bytes(b"nothing")
    with served(bundle.folder, store, page=True) as server, browser(server.url, tmp_path / "profile") as page:
        page.wait("document.querySelectorAll('input[type=file]').length === 3")
        for name in CHANNELS:
            page.choose(f"input-{name}", tmp_path / "no.nii")
        page.call("Runtime.evaluate", expression="document.querySelector('button').click()")
        page.wait("document.querySelector('#status').innerText.includes('wanted')")
    with served(bundle.folder, store) as server:
        assert urllib3.request("GET", server.url).json() == {"status": "alive"}
        assert urllib3.request("GET", f"{server.url}/page.js").status == 404
