"""The HTTP server of all doubles."""

import sys
from http.server import ThreadingHTTPServer
from typing import Any


class QuietServer(ThreadingHTTPServer):
    """Tells nothing of clients that went away.

    A thread that prints a traceback while pytest makes one too can end the whole run: until Python 3.12 the two share a
    counter (`SystemError: AST constructor recursion depth mismatch`).
    """

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print what is no client that went away."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)
