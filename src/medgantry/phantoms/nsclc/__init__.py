"""A small synthetic stand-in for NSCLC Radiogenomics: images, clinical table and expression with a known hazard.

Layouts, columns, codes and quirks are those of the collection (Bakr et al., 10.1038/sdata.2018.202, and GSE103584);
all values are made up. One radiomic, one clinical feature and one gene act on the hazard, and truth.json tells how
strongly. `tables` makes the same for statistics, without files.
"""

from medgantry.phantoms.nsclc.cohort import write_cohort
from medgantry.phantoms.nsclc.command_line import main
from medgantry.phantoms.nsclc.damage import DAMAGES
from medgantry.phantoms.nsclc.hazard import PLANTED, HazardRatios

__all__ = ["DAMAGES", "PLANTED", "HazardRatios", "main", "write_cohort"]
