"""`python -m medgantry.phantoms.nsclc`."""

from medgantry.phantoms.nsclc.command_line import main

main()
