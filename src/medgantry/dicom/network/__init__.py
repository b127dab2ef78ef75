"""Speaking to servers of images: DICOMweb, DIMSE and NBIA; instances go to disk as they arrive."""
