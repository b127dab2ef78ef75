"""`python -m medgantry.phantoms.skin_lesions`."""

from medgantry.phantoms.skin_lesions.command_line import main

main()
