"""pyradiomics' published baselines for its own test cases: brain1, brain2, breast1, lung1, lung2.

The cases are in the library's source distribution, which is fetched from the package index once and stays in pytest's
cache; without an index the tests are skipped.
"""

import ast
import csv
import json
import os
import subprocess
import sys
import tarfile
from collections import defaultdict
from importlib.metadata import version
from pathlib import Path

import pytest
import SimpleITK as sitk

from medgantry.features.radiomics.extract import RegionExtractor
from medgantry.features.radiomics.settings import CLASSES, Settings

PACKAGE = "pyradiomics-bhklab"
VALUES = 3325
"""Of all cases, settings and features, but shape2D."""
OLD_MESH = {
    f"original_shape_{name}" for name in ("MeshVolume", "SurfaceArea", "SurfaceVolumeRatio", "Sphericity")
}
"""brain1's without resampling is of pyradiomics 2.0.1, from which pyradiomics itself now differs: a part of its mask meets
the rest at edges only."""


@pytest.fixture(scope="module")
def data(pytestconfig):
    """The folder with images and baselines."""
    wanted = f"{PACKAGE}=={version(PACKAGE)}"
    folder = Path(pytestconfig.cache.mkdir(wanted))
    if not (folder / "complete").exists():
        options = ["--no-deps", "--no-binary", ":all:", "--no-build-isolation", "--dest", str(folder)]
        command = [sys.executable, "-m", "pip", "download", "--quiet", *options, wanted]
        # Its setup.py imports a module that lies beside it.
        done = subprocess.run(
            command, env={**os.environ, "PYTHONPATH": "."}, capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.skip(f"{wanted} cannot be fetched: {done.stderr.strip()[-200:]}")
        (archive,) = folder.glob("*.tar.gz")
        with tarfile.open(archive) as packed:
            for member in packed.getmembers():
                _, _, member.name = member.name.partition("/")
                if member.name.startswith("data/"):
                    packed.extract(member, folder, filter="data")
        archive.unlink()
        (folder / "complete").touch()
    return folder / "data"


def read_baselines(folder):
    """(case, settings) -> feature -> value."""
    found = defaultdict(dict)
    for path in folder.glob("baseline_*.csv"):
        if path.stem.partition("_")[2] not in CLASSES:
            continue
        with path.open() as stream:
            rows = list(csv.reader(stream))
        for column in range(1, len(rows[0])):
            values = {row[0]: row[column] for row in rows[1:]}
            given = ast.literal_eval(values["diagnostics_Configuration_Settings"])
            setting = {
                name: value
                for name, value in given.items()
                if value is not None and name not in ("additionalInfo", "label")
            }
            key = values["diagnostics_Configuration_TestCase"], json.dumps(setting, sort_keys=True)
            found[key] |= {
                name: float(value) for name, value in values.items() if name.startswith("original_")
            }
    return found


def test_every_baseline_is_matched(data):
    baselines = read_baselines(data / "baseline")
    images = {
        case: [sitk.ReadImage(data / f"{case}_{kind}.nrrd") for kind in ("image", "label")]
        for case in {case for case, _ in baselines}
    }
    assert len(images) == 5
    compared, wrong = 0, []
    for (case, setting), wanted in baselines.items():
        classes = {name: [] for name in CLASSES if any(f"_{name}_" in feature for feature in wanted)}
        settings = Settings.parse(json.dumps({"setting": json.loads(setting), "featureClass": classes}))
        found = RegionExtractor(settings, min_voxels=1)(*images[case], [1]).features
        assert set(found) == set(wanted)
        for name, value in wanted.items():
            old = case == "brain1" and name in OLD_MESH and not settings.resamples
            compared += 1
            if found[name] != pytest.approx(value, rel=1e-3 if old else 1e-11, abs=1e-15):
                wrong.append((case, setting, name, value, found[name]))
    assert wrong == []
    assert compared == VALUES
