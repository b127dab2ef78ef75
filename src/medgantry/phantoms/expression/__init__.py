"""Paired reads of RNA with known abundances: made-up genes whose isoforms share exons, FASTQ files and a sheet."""

from medgantry.phantoms.expression.command_line import main
from medgantry.phantoms.expression.folder import DAMAGES, write_reads

__all__ = ["DAMAGES", "main", "write_reads"]
