"""Read NIfTI, NRRD, MetaImage or NumPy volumes into a cohort, with a verdict for every case."""

from components.ingest_nifti.component import ingest_nifti as ingest_nifti
