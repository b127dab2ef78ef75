"""Photographs and dermoscopic images, listed by a table, to a cohort of plain RGB images."""
