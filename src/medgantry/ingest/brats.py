"""The BraTS layout: a folder per case, a file per modality, label codes that depend on the year.

Until 2021 files are called `<case>_t1ce.nii.gz` and codes are 1, 2, 4; from 2023 `<case>-t1c.nii.gz` with
codes 1, 2, 3. Sources: Baid et al., arXiv 2107.02314; BraTS 2023 data description.
"""

import re
from collections import defaultdict
from pathlib import PurePosixPath

from medgantry.cohort.channels import canonical_channel
from medgantry.errors import InvalidInput
from medgantry.ingest.candidate import Candidate, Layout
from medgantry.storage.files import Source

CHANNELS = ("FLAIR", "T1w", "T1gd", "T2w")
LABELS = {
    "2018-2021": {"background": 0, "non-enhancing tumor": 1, "edema": 2, "enhancing tumour": 4},
    "2023": {"background": 0, "non-enhancing tumor": 1, "edema": 2, "enhancing tumour": 3},
}
_OLD = re.compile(r"^(?P<case>.+)_(?P<part>t1|t1ce|t2|flair|seg)\.nii(\.gz)?$", re.IGNORECASE)
_NEW = re.compile(r"^(?P<case>.+)-(?P<part>t1n|t1c|t2w|t2f|seg)\.nii(\.gz)?$", re.IGNORECASE)
_TIMEPOINT = re.compile(r"^(BraTS-[A-Za-z]+-\d{5})-\d{3}$")


def read_brats(source: Source) -> Layout:
    """Candidates of a BraTS folder; time points of one patient share a group.

    Raises:
        InvalidInput: If no file, or files of both namings, are found.
    """
    parts: dict[str, dict[str, str]] = defaultdict(dict)
    years = set()
    for name in source.names():
        for year, pattern in (("2018-2021", _OLD), ("2023", _NEW)):
            match = pattern.match(PurePosixPath(name).name)
            if match:
                years.add(year)
                parts[match["case"]][match["part"].lower()] = name
    if len(years) != 1:
        raise InvalidInput(
            f"{source.uri} must hold BraTS files of one naming, found {sorted(years) or 'none'}.",
            "Names look like <case>_t1ce.nii.gz (2018-2021) or <case>-t1c.nii.gz (2023).",
        )
    candidates = []
    for case_id, found in sorted(parts.items()):
        images = {canonical_channel(part): name for part, name in found.items() if part != "seg"}
        timepoint = _TIMEPOINT.match(case_id)
        candidates.append(
            Candidate(
                case_id=case_id,
                group_id=timepoint[1] if timepoint else case_id,
                images=images,
                label=found.get("seg", ""),
            )
        )
    year = years.pop()
    return Layout(
        candidates=candidates, channels=CHANNELS, label_map=LABELS[year], notes={"brats_year": year}
    )
