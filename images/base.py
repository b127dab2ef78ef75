"""Makes a base image from Debian's packages, where no image registry can be reached: `make base-image`."""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from images.build import find_engine

NAME = "localhost/medgantry/python-base:bookworm"
PACKAGES = ("ca-certificates", "python3", "python3-venv")


def main() -> None:
    """Make the image from a mirror or sources.list named on the command line, or from Debian's own."""
    engine = os.environ.get("ENGINE") or find_engine(("docker", "podman"))
    if engine is None:
        sys.exit("No docker or podman answers here. On Debian: apt-get install podman")
    with TemporaryDirectory() as folder:
        tree = Path(folder, "base.tar")
        # What mmdebstrap copies from this machine for its own use.
        clean = '--customize-hook=rm -f "$1/etc/resolv.conf" "$1/etc/hostname"'
        options = ["--variant=minbase", f"--include={','.join(PACKAGES)}", clean]
        subprocess.run(["mmdebstrap", *options, "bookworm", tree, *sys.argv[1:]], check=True)
        subprocess.run([engine, "import", tree, NAME], check=True)


if __name__ == "__main__":
    main()
