"""Dealing the cases of a cohort to the tasks of a fan-out."""

import math
from collections.abc import Sequence

from medgantry.cohort.cohort import Case, Cohort
from medgantry.dealing import MAX_PARTS, deal

PART_VOXELS = 1 << 27
"""Voxels of a task's images: three CTs of 512 x 512 x 160 take longer than starting a pod."""


def deal_cases(cohort: Cohort, cases: Sequence[Case]) -> list[list[str]]:
    """Deal cases to tasks of about equal size: a pure function of the cohort.

    Args:
        cohort: Whose files say how large a case is.
        cases: Those of its cases that there is work for.

    Returns:
        Ids of the cases of each task.
    """
    sizes = {
        case.case_id: max(
            (math.prod(file.shape) for file in cohort.files_of.get(case.case_id, ())), default=0
        )
        for case in cases
    }
    return deal(sizes, min(max(1, math.ceil(sum(sizes.values()) / PART_VOXELS)), MAX_PARTS))
