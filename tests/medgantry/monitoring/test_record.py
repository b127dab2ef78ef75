import json
from datetime import datetime
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from medgantry.monitoring.case_statistics import CaseStatistics, volume_statistics
from medgantry.monitoring.record import Record
from tests.medgantry.monitoring.records import NAMES, channel, make

PHI = "DOE^JANE"


def test_a_record_survives_json() -> None:
    record = make()
    assert record.fault(NAMES) == ""
    assert Record.from_document(json.loads(json.dumps(record.document()))) == record


@pytest.mark.parametrize(
    "changed",
    [
        {"release": PHI},
        {"inputs": [f"s3://pacs/{PHI}.nii.gz"]},
        {"request_id": PHI},
        {"status": f"failed for {PHI}"},
        {"probabilities": {PHI: 1.0}},
        {"volumes_ml": {PHI: 1.0}},
        {"statistics": CaseStatistics(features={PHI: 1.0})},
        {"statistics": CaseStatistics(categories={"stage": PHI})},
        {"statistics": CaseStatistics(categories={PHI: "T2"})},
        {"statistics": CaseStatistics(channels={PHI: channel()})},
        {"statistics": CaseStatistics(channels={"CT": channel(shape=[PHI])})},
        {"risk": PHI},
        {"seconds": float("nan")},
        {"time": datetime(2027, 1, 1)},
    ],
)
def test_only_hashes_numbers_and_declared_names_may_be_written(changed: dict[str, Any]) -> None:
    fault = make(**changed).fault(NAMES)
    assert fault
    assert "DOE" not in fault


def test_what_a_nifti_header_and_a_file_name_say_of_a_patient_is_not_in_its_statistics(
    tmp_path: Path,
) -> None:
    image = nibabel.Nifti1Image(np.ones((4, 4, 4), np.int16), np.eye(4))
    for field in ("descrip", "db_name", "intent_name", "aux_file"):
        image.header[field] = PHI.encode()
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", PHI.encode()))
    path = tmp_path / f"{PHI}_19500101.nii"
    nibabel.save(image, path)
    assert PHI.encode() in path.read_bytes()
    record = make(statistics=CaseStatistics(channels=volume_statistics(path, {"CT": -1})))
    assert record.fault(NAMES) == ""
    said = json.dumps(record.document())
    assert PHI not in said
    assert "19500101" not in said
    assert str(tmp_path) not in said


def test_drift_sees_the_most_probable_class() -> None:
    seen = make().observation()
    assert seen.answer == "nevus"
    assert seen.outputs == {"volume of liver, ml": 1500.0, "risk": 0.3}
    assert seen.categories == {"feature stage": "T2"}
    assert seen.inputs["spacing of axis 3, mm"] == 3.0
    assert make(probabilities={}).observation().answer == ""
