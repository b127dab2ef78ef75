"""`python -m medgantry.phantoms.lung_pairs`."""

from medgantry.phantoms.lung_pairs.command_line import main

main()
