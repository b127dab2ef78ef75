"""Names of columns for symbols of genes: stores want letters, digits and underscores, and genes are called HLA-A."""

from collections.abc import Sequence

from medgantry.features.column import safe_name


def column_names(genes: Sequence[str]) -> dict[str, str]:
    """Symbol -> name of its column; symbols that would share a name get it numbered, in the order of the symbols."""
    taken: dict[str, str] = {}
    for gene in sorted(genes):
        base = name = safe_name(gene)
        number = 2
        while name in taken:
            name, number = f"{base}_{number}", number + 1
        taken[name] = gene
    names = {gene: name for name, gene in taken.items()}
    return {gene: names[gene] for gene in genes}
