"""Which DICOM instances a case was made of: read without pydicom, as a step that runs networks has none."""

import tarfile
from pathlib import Path

from medgantry.dicom.elements import sop_instance_uid

_HEAD_BYTES = 4096
"""File meta is a few hundred bytes."""


def source_instances(archive: Path) -> list[str]:
    """SOP Instance UIDs of a case's slices, in their order.

    Args:
        archive: The tar of Part 10 files that ingest packed; its masks do not count.

    Raises:
        Unusable: If a slice's file meta does not name its instance.
    """
    with tarfile.open(archive) as opened:
        members = sorted(
            (member for member in opened if member.name.startswith("slice-")), key=lambda member: member.name
        )
        streams = [opened.extractfile(member) for member in members]
        return [sop_instance_uid(stream.read(_HEAD_BYTES)) for stream in streams if stream]
