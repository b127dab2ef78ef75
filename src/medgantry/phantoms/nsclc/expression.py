"""Expression in the layout of GSE103584: genes down, patients across, FPKM, tab-separated.

Quirks kept: the first header cell is empty, patients come in no order, some rows start with `_` and are no genes, and
NA stands where a gene was not detected.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medgantry.phantoms.nsclc.hazard import PLANTED
from medgantry.phantoms.nsclc.patient import Patient
from medgantry.phantoms.nsclc.randomness import generator

Values = NDArray[np.float64]

_METAGENES = (
    ("LRIG1", "HPGD", "GDF15"), ("CDH2", "POSTN", "VCAN", "PDGFRA"), ("VCAM1", "CD44", "CD48"),
    ("CD4", "LYL1", "SPI1", "CD37"), ("VIM", "LMO2", "EGR2"), ("BGN", "COL4A1", "COL5A1", "COL5A2"),
)  # fmt: skip
_INVENTED_MODULES, _MODULE_SIZE = 14, 20
_MODULES = (
    *_METAGENES,
    *(
        tuple(f"PHM{module + 1}G{gene + 1}" for gene in range(_MODULE_SIZE))
        for module in range(_INVENTED_MODULES)
    ),
)
PUBLISHED_GENES = tuple(gene for module in _METAGENES for gene in module)
"""The 21 of Zhou et al., Radiology 2018, Table 2."""
GENES = tuple(gene for module in _MODULES for gene in module)
"""The 21, then invented symbols."""
NO_GENES = ("_aligned_reads", "_detected_genes")
"""Rows that a reader must leave out."""

_WITHIN = 0.4
"""Correlation of two genes of a module, on the log scale."""
_PLANTED_GENE = PLANTED["expression"].feature
_PLANTED_LOG2 = (5.0, 1.2)
"""Mean and standard deviation of log2(FPKM + 1) of the planted gene: always detected."""
_DETECTED = 0.2
"""log2(FPKM + 1) below which a gene is not detected."""


@cache
def _levels() -> tuple[Values, Values]:
    """Mean and standard deviation of log2(FPKM + 1) of each gene; they are the genes' own, whatever the seed."""
    rng = generator("genes")
    mean, spread = rng.uniform(0.8, 8.0, len(GENES)), rng.uniform(0.5, 1.3, len(GENES))
    place = GENES.index(_PLANTED_GENE)
    mean[place], spread[place] = _PLANTED_LOG2
    return mean, spread


def log_expression(seed: int, patient: Patient) -> Values:
    """Return a patient's log2(FPKM + 1), a value per gene of GENES, NaN where it was not detected."""
    rng = generator(seed, patient.number, "expression")
    latent = patient.latents["expression"]
    parts = []
    for module in _MODULES:
        shared, own = rng.normal(), rng.normal(size=len(module))
        if _PLANTED_GENE in module:
            # Given the planted gene, which is fixed, its module follows as it would have been drawn.
            shared = np.sqrt(_WITHIN) * latent + np.sqrt(1 - _WITHIN) * shared
        parts.append(np.sqrt(_WITHIN) * shared + np.sqrt(1 - _WITHIN) * own)
    standard = np.concatenate(parts)
    standard[GENES.index(_PLANTED_GENE)] = latent
    mean, spread = _levels()
    values: Values = mean + spread * standard
    values[values < _DETECTED] = np.nan
    return values


def write_expression(path: Path, columns: Sequence[tuple[str, Values]]) -> None:
    """Write the table.

    Args:
        path: The file.
        columns: Case IDs, which may occur twice, and their log2(FPKM + 1) by gene of GENES.
    """
    lines = [["", *(case for case, _ in columns)]]
    fpkm = np.exp2(np.array([values for _, values in columns])) - 1
    for name, row in zip(GENES, fpkm.T, strict=True):
        lines.append([name, *("NA" if np.isnan(value) else f"{value:.6g}" for value in row)])
    detected = (~np.isnan(fpkm)).sum(axis=1)
    for name, counts in zip(NO_GENES, (20_000_000 + 1000 * detected, detected), strict=True):
        lines.append([name, *(str(count) for count in counts)])
    path.write_text("".join("\t".join(line) + "\n" for line in lines), encoding="utf-8")
