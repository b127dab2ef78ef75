"""DICOM segmentations of synthetic series, in every shape that writers give them."""

from medgantry.phantoms.dicom.segmentation.cases import SEGMENTATIONS as SEGMENTATIONS
from medgantry.phantoms.dicom.segmentation.cases import SegmentationCase as SegmentationCase
from medgantry.phantoms.dicom.segmentation.layouts import sixteen_layouts as sixteen_layouts
from medgantry.phantoms.dicom.segmentation.spec import Occupancy as Occupancy
from medgantry.phantoms.dicom.segmentation.spec import Segmentation as Segmentation
from medgantry.phantoms.dicom.segmentation.spec import SegmentationSpec as SegmentationSpec
from medgantry.phantoms.dicom.segmentation.spec import example_masks as example_masks
from medgantry.phantoms.dicom.segmentation.writer import make_segmentation as make_segmentation
