"""A small synthetic stand-in for the Medical Segmentation Decathlon's Task09_Spleen.

Files, names, axes and data types are those of the Decathlon; the contents are made up. The spleen has the
attenuation of the liver, of bowel and of parts of other organs: a threshold stays poor, and a score well above it
shows that a network has learnt where the organ lies and what it looks like.
"""

from medgantry.phantoms.spleen.command_line import main
from medgantry.phantoms.spleen.task import write_task

__all__ = ["main", "write_task"]
