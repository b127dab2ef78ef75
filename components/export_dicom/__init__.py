"""Write predictions as DICOM objects, keep them and send them."""

from components.export_dicom.component import export_dicom as export_dicom
