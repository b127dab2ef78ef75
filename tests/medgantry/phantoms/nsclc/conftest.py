"""One cohort for all tests: a sound patient, one of the AMC collection, and one of every damage."""

from pathlib import Path
from typing import Any

import pytest

from medgantry.phantoms.nsclc import write_cohort


@pytest.fixture(scope="session")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("nsclc")
    return folder, write_cohort(folder, patients=14, damaged=12)
