"""A window over the cases that moves on with every epoch."""

import math
from collections.abc import Sequence

from medgantry.errors import InvalidInput
from medgantry.fingerprint import hash_value


class Rotation:
    """Smart replacement: an epoch trains on `cached` of the cases, then some leave and as many new ones come.

    As MONAI's `SmartCacheDataset`: of the cases 1 to 5, with 4 cached and a rate of 0.25, epochs train on 1234,
    2345, 3451, 4512, 5123, ...

    Args:
        cases: Case ids, in the order in which they come.
        cached: Of an epoch.
        replace_rate: Share of `cached` that is replaced after an epoch, rounded up.

    Raises:
        InvalidInput: If more are to be cached than there are, or the rate is not in (0, 1].
    """

    def __init__(self, cases: Sequence[str], *, cached: int, replace_rate: float) -> None:
        if not 1 <= cached <= len(cases):
            raise InvalidInput(f"{cached} cases cannot be cached of {len(cases)}.", "Cache fewer.")
        if not 0 < replace_rate <= 1:
            raise InvalidInput(f"replace_rate must be in (0, 1], got {replace_rate}.")
        self._cases, self._cached = list(cases), cached
        self._replaced = min(math.ceil(cached * replace_rate), len(cases) - cached)
        self.fingerprint = hash_value([self._cases, cached, self._replaced])

    def cases(self, epoch: int) -> list[str]:
        """Case ids of an epoch, counted from 1."""
        start = (epoch - 1) * self._replaced
        return [self._cases[(start + place) % len(self._cases)] for place in range(self._cached)]
