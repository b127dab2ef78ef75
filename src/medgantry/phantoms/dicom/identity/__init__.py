"""Invented people, and their data in every place where a DICOM file can hold them."""

from medgantry.phantoms.dicom.identity.person import Identity as Identity
from medgantry.phantoms.dicom.identity.person import make_identity as make_identity
from medgantry.phantoms.dicom.identity.planting import Planted as Planted
from medgantry.phantoms.dicom.identity.planting import plant as plant
from medgantry.phantoms.dicom.identity.study import IdentifiedArchive as IdentifiedArchive
from medgantry.phantoms.dicom.identity.study import write_identified_study as write_identified_study
