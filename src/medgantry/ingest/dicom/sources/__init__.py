"""Where DICOM studies come from; every source lists studies without their pixels, and fetches one series at a time."""
