"""RT structure sets of synthetic series, in every shape that writers give them."""

from medgantry.phantoms.dicom.structures.cases import STRUCTURES as STRUCTURES
from medgantry.phantoms.dicom.structures.cases import StructureCase as StructureCase
from medgantry.phantoms.dicom.structures.cases import region_with_a_hole as region_with_a_hole
from medgantry.phantoms.dicom.structures.writer import Region as Region
from medgantry.phantoms.dicom.structures.writer import StructureSet as StructureSet
from medgantry.phantoms.dicom.structures.writer import StructureSpec as StructureSpec
from medgantry.phantoms.dicom.structures.writer import make_structures as make_structures
