"""Radiomics: from a cohort with images and regions to a table of what pyradiomics computes of them."""
