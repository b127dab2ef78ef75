"""`python -m medgantry.phantoms.spleen`."""

from medgantry.phantoms.spleen.command_line import main

main()
