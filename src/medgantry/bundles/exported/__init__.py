"""A trained network as one file that runs without MONAI and without this project."""
