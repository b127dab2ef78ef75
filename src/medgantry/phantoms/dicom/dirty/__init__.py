"""Series as hospitals send them, each with the verdict that an honest reader should come to."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from medgantry.phantoms.dicom.dirty import composition, geometry, headers, pixels
from medgantry.phantoms.dicom.dirty.case import DirtyCase as DirtyCase
from medgantry.phantoms.dicom.dirty.case import Truth as Truth
from medgantry.phantoms.dicom.dirty.case import Verdict as Verdict
from medgantry.phantoms.dicom.dirty.case import write_case as write_case

DIRTY: Mapping[str, Callable[[int], DirtyCase]] = MappingProxyType(
    geometry.ROWS | composition.ROWS | headers.ROWS | pixels.ROWS
)
"""From a name to what makes the case from a seed."""
