"""The images components run in: the only place that names them. The tag is the release."""

from medgantry import __version__

# The names hold 'python' because kfp.local warns about images whose name does not.
DATA = f"medgantry/python-data:{__version__}"
TORCH = f"medgantry/python-torch:{__version__}"
SERVE = f"medgantry/python-serve:{__version__}"
FEATURES = f"medgantry/python-features:{__version__}"
GENOMICS = f"medgantry/python-genomics:{__version__}"
