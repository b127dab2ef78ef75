"""Compute the radiomics of one task's cases; what was computed before is taken as it is."""

from components.extract_radiomics.component import extract_radiomics as extract_radiomics
