"""Debian's Chromium, which talks to nobody but the page's server."""

import shutil

CHROMIUM = shutil.which("chromium")
MISSING = "There is no Chromium to open the page with: apt-get install chromium."
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
]
