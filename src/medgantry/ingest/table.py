"""A CSV that lists files: columns `case`, `channel`, `path`, and optionally `group`.

The channel `label` marks the label map. Paths are relative to the CSV's folder.
"""

import csv
from collections import defaultdict
from posixpath import dirname, join, normpath

from medgantry.cohort.channels import canonical_channel
from medgantry.errors import InvalidInput
from medgantry.ingest.candidate import Candidate, Layout
from medgantry.storage.files import Source


def read_table(source: Source, labels: dict[str, int]) -> Layout:
    """Candidates that the source's only CSV lists.

    Args:
        source: The folder (or the CSV itself).
        labels: Label name -> code, which a CSV of paths cannot say.

    Raises:
        InvalidInput: If there is no single CSV, a column is missing, or a channel is listed twice.
    """
    tables = [name for name in source.names() if name.endswith(".csv")]
    if source.uri.endswith(".csv"):
        tables = [name for name in tables if name == source.uri.rsplit("/", 1)[-1]]
    if len(tables) != 1:
        raise InvalidInput(f"{source.uri} must hold one CSV, found {tables}.", "Name the CSV as the source.")
    folder = dirname(tables[0])
    with source.open_local(tables[0]).open(newline="") as stream:
        reader = csv.DictReader(stream)
        missing = {"case", "channel", "path"} - set(reader.fieldnames or [])
        if missing:
            raise InvalidInput(f"{tables[0]} lacks the columns {sorted(missing)}.")
        images: dict[str, dict[str, str]] = defaultdict(dict)
        groups: dict[str, str] = {}
        for row in reader:
            channel = canonical_channel(row["channel"])
            if channel in images[row["case"]]:
                raise InvalidInput(f"{tables[0]} lists {channel} of case {row['case']} twice.")
            images[row["case"]][channel] = normpath(join(folder, row["path"]))
            groups[row["case"]] = row.get("group") or row["case"]
    channels = sorted({channel for found in images.values() for channel in found} - {"label"})
    candidates = [
        Candidate(
            case_id=case_id,
            group_id=groups[case_id],
            images={channel: found[channel] for channel in channels if channel in found},
            label=found.get("label", ""),
        )
        for case_id, found in sorted(images.items())
    ]
    return Layout(candidates=candidates, channels=channels, label_map=labels, notes={"table": tables[0]})
