"""`python -m medgantry.phantoms.expression`."""

from medgantry.phantoms.expression.command_line import main

main()
