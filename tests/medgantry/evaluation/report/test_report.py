"""The report as a browser shows it, with nothing but itself to show it with."""

import base64
import html
import io
import json
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler

import numpy as np
import pytest
from PIL import Image

from medgantry.evaluation.champion import Champion
from medgantry.evaluation.evaluate import evaluate
from medgantry.steps import StepRecord
from tests.chromium import CHROMIUM, FLAGS, MISSING
from tests.medgantry.colours import CLASSES, make_bundle, make_cohort
from tests.quiet_server import QuietServer

PROBE = """<!doctype html><link rel="icon" href="data:,"><pre></pre><iframe src="/report.html" onload="
const inside = this.contentWindow;
document.querySelector('pre').textContent = JSON.stringify({
  images: [...inside.document.images].map(i => [i.alt, i.naturalWidth, i.naturalHeight]),
  asked: inside.performance.getEntriesByType('resource').map(e => e.name)})"></iframe>"""
ODD = ['<b>x</b>&"', "a/b 'c' $x^$ -->"]


@contextmanager
def the_only_server(report: str) -> Iterator[tuple[str, list[str]]]:
    """A proxy that is all the network a browser has: it knows the report and the probe, and notes what is asked of it."""
    asked: list[str] = []
    pages = {"http://report.test/report.html": report, "http://report.test/probe.html": PROBE}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            found = pages.get(self.path)
            self.send_response(404 if found is None else 200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write((found or "").encode())

        def log_message(self, *_: object) -> None:
            pass

    server = QuietServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def in_browser(report, profile):
    """What the browser made of the report, and what the report asked for."""
    with the_only_server(report) as (proxy, asked):
        done = subprocess.run(
            [
                *(CHROMIUM, *FLAGS, f"--user-data-dir={profile}", f"--proxy-server={proxy}"),
                *("--dump-dom", "http://report.test/probe.html"),
            ],
            capture_output=True,
            check=True,
            text=True,
            timeout=120,
        )
    found = json.loads(html.unescape(re.search(r"<pre>(.*?)</pre>", done.stdout, re.DOTALL).group(1)))
    return found, [url for url in asked if url.startswith("http://report.test/")]


@pytest.fixture(scope="module")
def chromium():
    if CHROMIUM is None:
        pytest.skip(MISSING)


def write(cohort, bundle, folder, champion=None):
    record = StepRecord(step="evaluate")
    made = evaluate(cohort, bundle, champion, folder, split="test", seed=0, record=record)
    return made, (folder / "report.html").read_text()


def test_it_opens_without_network_and_shows_the_cases_it_names(store, tmp_path, chromium):
    cohort = make_cohort(store, tmp_path, test=24, seed=3)
    champion = Champion(name="m", version=2, bundle=make_bundle(tmp_path / "c", cohort, noise=1.0))
    made, report = write(cohort, make_bundle(tmp_path / "b", cohort, noise=0.0), tmp_path / "e", champion)
    found, asked = in_browser(report, tmp_path / "profile")
    assert asked == ["http://report.test/probe.html", "http://report.test/report.html"]
    assert [url for url in found["asked"] if not url.startswith("data:")] == []
    assert all(width > 300 and height > 200 for _, width, height in found["images"])
    shown = figures(report)
    assert [alt for alt, _, _ in found["images"]] == [alt for alt, _, _ in shown]
    assert len(shown) == 8
    by_score = sorted(made.rows, key=lambda row: row[f"probability {row['reference']}"])
    assert [alt for alt, _, _ in shown[:6]] == [row["case_id"] for row in by_score[:6]]
    colours = {case_id: seen_colour(tmp_path, case_id) for case_id in made.case_ids}
    for alt, caption, picture in shown:
        assert caption.startswith(f"{alt}: is ")
        assert [case_id for case_id, colour in colours.items() if area(picture, colour) > 0.1] == [alt]


def test_a_page_that_asks_for_more_is_caught(tmp_path, chromium):
    found, _ = in_browser('<!doctype html><img src="http://elsewhere.test/x.png">', tmp_path / "profile")
    assert found == {"images": [["", 0, 0]], "asked": ["http://elsewhere.test/x.png"]}


def figures(report):
    """Alternative text, caption and pixels of every picture, in order."""
    pattern = r'<img alt="([^"]*)" src="data:image/png;base64,([^"]+)"><figcaption>(.*?)</figcaption>'
    return [
        (
            html.unescape(alt),
            html.unescape(re.sub("<[^>]+>", "", caption)),
            np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")),
        )
        for alt, data, caption in re.findall(pattern, report)
    ]


def seen_colour(folder, case_id):
    """A case's own photo, as bright as the report makes it."""
    _, seed, number = case_id.split("-")
    colour = np.asarray(Image.open(folder / f"{seed}-{int(number)}.png"))[4, 4].astype(float)
    return np.rint(colour / colour.max() * 255)


def area(picture, colour):
    """Share of a picture that has this colour."""
    return (np.abs(picture.astype(float) - colour).max(axis=-1) <= 1.5).mean()


class Tags(HTMLParser):
    """Every tag with its attributes, and the text between them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text.append(data)


def odd(cohort, bundle_folder):
    """The cohort and its bundle with names that are no HTML and no file names."""
    names = dict(zip(CLASSES, ODD, strict=True))
    renamed = {case.case_id: f"\"{case.case_id}\" <i> $x^$ '/'" for case in cohort.cases}
    cases = [
        replace(
            case,
            case_id=renamed[case.case_id],
            targets={"diagnosis": names[case.targets["diagnosis"]], "<u>site</u>": "<s>&"[: 3 + i % 2]},
        )
        for i, case in enumerate(cohort.cases)
    ]
    files = [replace(file, case_id=renamed[file.case_id]) for file in cohort.files]
    other = replace(cohort, cases=cases, files=files)
    bundle = make_bundle(bundle_folder, other, noise=0.0)
    path = bundle.folder / "configs/metadata.json"
    metadata = json.loads(path.read_text())
    metadata["name"] = "<h6>model</h6>"
    metadata["network_data_format"]["outputs"]["pred"]["channel_def"] = dict(enumerate(ODD))
    path.write_text(json.dumps(metadata))
    return other, type(bundle)(bundle.folder)


def test_names_are_text_and_never_html(store, tmp_path):
    cohort, bundle = odd(make_cohort(store, tmp_path, test=24), tmp_path / "b")
    made, report = write(cohort, bundle, tmp_path / "e")
    page = Tags(report)
    assert page.tags.isdisjoint({"h6", "i", "u", "s", "script", "iframe", "object"})
    text = "".join(page.text)
    shown = [alt for alt, _, _ in figures(report)]
    for name in (*ODD, "<h6>model</h6>", "<u>site</u>", *shown):
        assert name in text
    assert len(shown) == 8
    assert set(shown) <= set(made.case_ids)
    assert ("lang", "en") in page.attributes
    links = [value for name, value in page.attributes if name in ("href", "xlink:href", "src")]
    assert all(link.startswith(("#", "data:")) for link in links)
    assert not re.search(r"url\((?!#)", report)


def test_one_class_and_no_metric_is_still_a_report(store, tmp_path):
    cohort = make_cohort(store, tmp_path, test=24)
    cases = [replace(case, targets={"diagnosis": CLASSES[0]}) for case in cohort.cases]
    same = replace(cohort, cases=cases)
    _, report = write(same, make_bundle(tmp_path / "b", same, noise=0.0), tmp_path / "e")
    text = "".join(Tags(report).text)
    assert "AUC, mean over classes: these cases do not define it." in text
    assert "benign, malignant" in text
