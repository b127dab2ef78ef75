"""Images and pipeline versions are named by the library's version, so other content must have another one.

`python -m tests.pipelines.test_library_version`, which `make goldens` runs, records what a version contains. It
refuses when that version stands released in CHANGELOG.md.
"""

import json
import sys
from pathlib import Path

import medgantry
from medgantry.fingerprint import code_fingerprint

ROOT = Path(__file__).parents[2]
RECORD = ROOT / "tests/goldens/library.json"


def content() -> dict[str, str]:
    return {"version": medgantry.__version__, "content": code_fingerprint()}


def fault(recorded: dict[str, str], found: dict[str, str], changelog: str) -> str:
    """What must be done before `found` may be recorded; empty when it may."""
    released = f"## [{found['version']}]" in changelog
    if released and recorded["version"] == found["version"] and recorded != found:
        return (
            f"The library is not what {found['version']} was released as: raise __version__ in src/medgantry."
        )
    return ""


def test_a_library_change_is_a_change_of_the_version_or_of_the_record():
    recorded, found = json.loads(RECORD.read_text()), content()
    assert not (problem := fault(recorded, found, (ROOT / "CHANGELOG.md").read_text())), problem
    assert recorded == found, "The library changed: run `make goldens`."


def test_what_was_released_is_never_recorded_anew():
    recorded = {"version": "0.1.0", "content": "a"}
    changed = {"version": "0.1.0", "content": "b"}
    assert fault(recorded, changed, "## [Unreleased]\n") == ""
    assert "raise __version__" in fault(recorded, changed, "## [Unreleased]\n## [0.1.0] - 2027-01-01\n")
    assert (
        fault(recorded, {"version": "0.2.0", "content": "b"}, "## [Unreleased]\n## [0.1.0] - 2027-01-01\n")
        == ""
    )


if __name__ == "__main__":
    before = json.loads(RECORD.read_text()) if RECORD.is_file() else {"version": ""}
    if said := fault(before, content(), (ROOT / "CHANGELOG.md").read_text()):
        sys.exit(said)
    RECORD.write_text(json.dumps(content(), indent=1) + "\n")
