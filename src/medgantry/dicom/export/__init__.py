"""Results back as DICOM objects that refer to what they were made from."""
