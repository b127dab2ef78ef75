"""What the tests of several protocols need."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from medgantry.dicom.network.dicomweb import DicomWeb
from medgantry.phantoms.dicom.series import make_series, write_dataset
from medgantry.phantoms.dicom.spec import SeriesSpec
from medgantry.phantoms.dicom.uids import make_uid
from tests.orthanc import Orthanc


@pytest.fixture(scope="session")
def long_series(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """300 instances of 128 KiB."""
    folder = tmp_path_factory.mktemp("long")
    spec = SeriesSpec(slices=1, rows=256, columns=256, patient_id="LONG")
    dataset = make_series(spec).datasets[0]
    noise = np.random.default_rng(0)
    paths = []
    for number in range(300):
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = make_uid(
            spec.series_uid, number
        )
        dataset.InstanceNumber = number + 1
        dataset.PixelData = noise.bytes(2 * 256 * 256)
        paths.append(folder / f"{number:03d}.dcm")
        write_dataset(dataset, paths[-1])
    return paths


@pytest.fixture(scope="session")
def stored_long_series(long_series: list[Path], orthanc: Orthanc) -> list[Path]:
    """The same, on the server; sending them takes little memory, too."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in orthanc.environment.items():
            patch.setenv(name, value)
        web = DicomWeb(orthanc.dicomweb, patience=10)
        tracemalloc.start()
        try:
            assert all(one.accepted for one in web.store(long_series))
            assert tracemalloc.get_traced_memory()[1] < 4 << 20
        finally:
            tracemalloc.stop()
    return long_series
