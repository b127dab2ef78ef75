"""A CSV that lists pairs: columns `case_id`, `group_id`, `fixed`, `moving`, and optionally masks and keypoints.

Optional columns are `fixed_mask`, `moving_mask`, `fixed_keypoints`, `moving_keypoints`; a cell may be empty. Paths are
relative to the CSV's folder.
"""

import csv
from posixpath import dirname, join, normpath

from medgantry.cohort import PAIR
from medgantry.errors import InvalidInput
from medgantry.ingest.pairs.pair import ROLES, Pair, PairLayout
from medgantry.storage.files import Source


def read_pair_table(source: Source, modality: str) -> PairLayout:
    """Pairs that a CSV lists.

    Args:
        source: The CSV itself, or a folder whose top level holds no other.
        modality: Of all images, which a CSV of paths cannot say.

    Raises:
        InvalidInput: If there is no single CSV, a column or a value is missing, or a case is listed twice.
    """
    tables = [name for name in source.names() if name.endswith(".csv") and "/" not in name]
    if source.uri.endswith(".csv"):
        tables = [name for name in tables if name == source.uri.rsplit("/", 1)[-1]]
    if len(tables) != 1:
        raise InvalidInput(f"{source.uri} must hold one CSV, found {tables}.", "Name the CSV as the source.")
    folder, pairs = dirname(tables[0]), {}
    with source.open_local(tables[0]).open(newline="") as stream:
        reader = csv.DictReader(stream)
        needed = ("case_id", "group_id", *PAIR)
        if missing := set(needed) - set(reader.fieldnames or []):
            raise InvalidInput(f"{tables[0]} lacks the columns {sorted(missing)}.")
        for number, row in enumerate(reader, start=2):
            if empty := [name for name in needed if not row[name]]:
                raise InvalidInput(f"Line {number} of {tables[0]} has no {', '.join(empty)}.")
            if row["case_id"] in pairs:
                raise InvalidInput(f"{tables[0]} lists case {row['case_id']} twice.")
            files = {role: normpath(join(folder, row[role])) for role in ROLES if row.get(role)}
            pairs[row["case_id"]] = Pair(case_id=row["case_id"], group_id=row["group_id"], files=files)
    if not pairs:
        raise InvalidInput(f"{tables[0]} lists no pair.")
    return PairLayout(pairs=list(pairs.values()), modality=modality, notes={"table": tables[0]})
