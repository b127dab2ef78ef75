"""Which genes are wanted: by name, from a file, a list of ours, or all."""

from collections.abc import Sequence
from dataclasses import dataclass

from medgantry.errors import InvalidInput
from medgantry.storage.files import read_bytes

OURS = "medgantry:"


@dataclass(frozen=True, kw_only=True)
class GeneList:
    """Symbols of genes, and where the list is from."""

    symbols: Sequence[str] = ()
    """Empty: all genes."""
    provenance: str = ""
    warning: str = ""
    """What a reader of results must know."""


_LISTS = {
    "nsclc_21": GeneList(
        symbols=(
            *("LRIG1", "HPGD", "GDF15", "CDH2", "POSTN", "VCAN", "PDGFRA", "VCAM1", "CD44", "CD48", "CD4"),
            *("LYL1", "SPI1", "CD37", "VIM", "LMO2", "EGR2", "BGN", "COL4A1", "COL5A1", "COL5A2"),
        ),
        provenance="Genes of metagenes 19, 10, 9, 4, 3 and 21 of Zhou et al., Radiology 2018, Table 2.",
        warning="The 21 genes were chosen by authors of the NSCLC Radiogenomics cohort: what they reach on its patients "
        "is optimistic.",
    )
}


def open_genes(text: str) -> GeneList:
    """The genes that a parameter asks for.

    Args:
        text: Symbols separated by commas; `medgantry:<name>` for a list of ours; the path or `s3://` URI of a text with
            a symbol per line; empty for all genes.

    Raises:
        InvalidInput: If there is no such list, or it is empty.
    """
    text = text.strip()
    if text.startswith(OURS):
        name = text.removeprefix(OURS)
        if name not in _LISTS:
            raise InvalidInput(
                f"There is no gene list {text}; ours are {[OURS + known for known in _LISTS]}."
            )
        return _LISTS[name]
    is_file = "/" in text
    symbols = (
        read_bytes(text).decode("utf-8-sig", errors="replace").splitlines() if is_file else text.split(",")
    )
    found = tuple(dict.fromkeys(symbol.strip() for symbol in symbols if symbol.strip()))
    if is_file and not found:
        raise InvalidInput(f"The gene list {text} is empty.", "Write a symbol per line.")
    return GeneList(symbols=found, provenance=text if is_file else "")
