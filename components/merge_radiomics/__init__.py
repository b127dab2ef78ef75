"""Fold what the tasks computed into one table of radiomics."""

from components.merge_radiomics.component import merge_radiomics as merge_radiomics
