"""The table that says whose pseudonym is whose: made only on request, and readable with the key alone.

`python -m medgantry.ingest.dicom.reidentification URI` prints it as JSON, where the key and the store are in the
environment.
"""

import json
import sys
from pathlib import Path
from typing import Any

from medgantry.dicom.deidentification.pseudonyms import Pseudonyms
from medgantry.errors import InvalidInput
from medgantry.fingerprint import hash_value
from medgantry.ingest.dicom.names import KeyedNames, Names
from medgantry.ingest.dicom.sources.source import Listing
from medgantry.storage import ObjectStore
from medgantry.storage.files import locate


def keep_table(listing: Listing, names: Names, store: ObjectStore) -> str:
    """Seal the table of a source and keep it under `reidentification/`.

    Returns:
        Its URI.

    Raises:
        InvalidInput: If nothing is de-identified.
    """
    if not isinstance(names, KeyedNames):
        raise InvalidInput(
            "A re-identification table was asked for, and nothing is de-identified.",
            "Ask for one of the two alone.",
        )
    table = reidentification_table(listing, names)
    key = f"reidentification/{names.name('table', hash_value(table))}.sealed"
    store.put_bytes(key, names.pseudonyms.seal(table))
    return store.uri(key)


def reidentification_table(listing: Listing, names: KeyedNames) -> dict[str, Any]:
    """Pseudonym -> what it stands for: patients, UIDs, and what the ledger calls series, studies and files."""
    patients: dict[str, str] = {}
    uids: dict[str, str] = {}
    shown: dict[str, str] = {}
    for study in listing.studies:
        patient = study.patient_id or study.study_uid
        patients[names.patient(patient)] = patient
        for uid in (study.study_uid, *(series.series_uid for series in study.series)):
            uids[names.pseudonyms.uid(uid)] = uid
            shown[names.shown(uid)] = uid
    for name in (*listing.refused, *listing.excluded):
        shown[names.shown(name)] = name
    return {"patients": patients, "uids": uids, "items": shown}


def open_table(uri: str, pseudonyms: Pseudonyms) -> Any:
    """The table at a URI.

    Raises:
        InvalidInput: If it was sealed with another key.
    """
    place = locate(uri)
    data = place.read_bytes() if isinstance(place, Path) else place[0].get_bytes(place[1])
    return pseudonyms.unseal(data)


if __name__ == "__main__":
    print(json.dumps(open_table(sys.argv[1], Pseudonyms.from_environment()), indent=2, ensure_ascii=False))
