"""A small synthetic stand-in for Learn2Reg's LungCT: a chest breathed out (fixed) and breathed in (moving).

Files, names and axes are those of Learn2Reg; the contents are made up. Where every point of the chest goes is known
exactly: the keypoints of the two images are the same places of the body.
"""

from medgantry.phantoms.lung_pairs.command_line import main
from medgantry.phantoms.lung_pairs.pairs import write_pairs
from medgantry.phantoms.lung_pairs.settings import DAMAGES

__all__ = ["DAMAGES", "main", "write_pairs"]
