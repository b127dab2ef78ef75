"""A small synthetic stand-in for HAM10000: dermoscopic JPEGs in two folders and their table.

Names, columns, classes and the grouping of images by lesion are those of HAM10000; the pictures are made up.
A class is told by its colour together with its structure. Every JPEG carries planted names, places and
comments in its metadata, for a reader to leave behind. Masks of the lesions can be written beside it.
"""

from medgantry.phantoms.skin_lesions.command_line import main
from medgantry.phantoms.skin_lesions.drawing import CLASSES
from medgantry.phantoms.skin_lesions.photos import COLUMNS, DAMAGES, PLANTED, PUBLISHED_LESIONS, write_photos

__all__ = ["CLASSES", "COLUMNS", "DAMAGES", "PLANTED", "PUBLISHED_LESIONS", "main", "write_photos"]
