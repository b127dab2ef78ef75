"""HTTP with patience: what is temporary is tried again, and what is not becomes one clear line.

Certificates are always verified. The environment names the rest, as for other programs:

    REQUESTS_CA_BUNDLE, SSL_CERT_FILE    a file with certificates of a private authority
    HTTPS_PROXY, HTTP_PROXY, NO_PROXY    a proxy

Addresses below the base hold UIDs, so no message and no cause of an error shows more than the base.
"""

import email.utils
import os
import ssl
import urllib.request
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import tenacity
import urllib3

from medgantry.errors import InvalidInput, SourceUnavailable

PATIENCE_SECONDS = 180.0
"""How long a server may be away before we give up."""
LONGEST_WAIT_SECONDS = 60.0
"""However long a server asks us to wait, we ask again after this."""
_WILDCARDS = "*?"
"""Allowed in the query part of an address; some servers do not take them for wildcards when they are quoted."""
_BROKEN_TLS = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLWantReadError)
_BUSY = (429, 500, 502, 503, 504)
_BACKOFF = tenacity.wait_random_exponential(multiplier=0.3, max=10)
_CHUNK_BYTES = 256 << 10
_PARALLEL = 16


class Interrupted(Exception):
    """A transfer broke within its body: whoever knows what has arrived decides what to ask for again."""


class _Busy(Exception):
    """The server asked us to come again later, after so many seconds if it said when."""

    def __init__(self, status: int, after: float | None) -> None:
        super().__init__(f"it answers {status}")
        self.after = after


@dataclass(frozen=True, kw_only=True)
class Login:
    """Credentials; empty ones are not sent."""

    token: str = ""
    username: str = ""
    password: str = ""
    remedy: str
    """What to do when they are refused."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The Authorization header, if any."""
        if self.token:
            return {"Authorization": f"Bearer {self.token}"}
        if self.username:
            return dict(urllib3.make_headers(basic_auth=f"{self.username}:{self.password}"))
        return {}


class HttpServer:
    """One HTTP service.

    Args:
        base: Its address, `http(s)://host[:port]/path`.
        name: What messages call it, such as `The DICOMweb server`.
        login: Sent with every request, and not to another host that it redirects to.
        patience: Seconds to go on trying while the service does not answer, and the longest that one answer is waited for.
        follow: Whether to go where it redirects; not for who may talk to this address alone.

    Raises:
        InvalidInput: If the address is none, or holds credentials.
    """

    def __init__(
        self,
        base: str,
        *,
        name: str,
        login: Login,
        patience: float = PATIENCE_SECONDS,
        follow: bool = True,
    ) -> None:
        parts = urlsplit(base)
        if parts.username or parts.password:
            raise InvalidInput(
                f"The address of {parts.hostname} holds credentials, which would end up in logs.",
                login.remedy,
            )
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidInput(f"An address http(s)://host/path was wanted, got {base!r}.", "Check the URI.")
        self.base = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
        self.name, self.login, self._patience, self._follow = name, login, patience, follow
        self._pool = _pool(self.base, patience)

    @contextmanager
    def request(
        self,
        path: str,
        *,
        method: str = "GET",
        query: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        body: Iterable[bytes] | None = None,
        accept: Collection[int] = (),
    ) -> Iterator[urllib3.BaseHTTPResponse]:
        """Send a request until it is answered; the answer's body is not read yet.

        Args:
            path: Below the base.
            method: Such as GET.
            query: Names and values.
            headers: Beside the login.
            body: Can be iterated again for another try.
            accept: Statuses that the caller judges, beside those of success.

        Raises:
            InvalidInput: If the server refuses the login or the request, or cannot be trusted.
            SourceUnavailable: If it does not answer.
        """
        url = f"{self.base}/{path}" + (f"?{urlencode(query, safe=_WILDCARDS)}" if query else "")

        def send() -> urllib3.BaseHTTPResponse:
            response = self._pool.request(
                method,
                url,
                body=body,
                headers={**self.login.headers, **(headers or {})},
                preload_content=False,
                redirect=self._follow and body is None,
                retries=urllib3.Retry(total=None, connect=0, read=0, status=0, other=0, redirect=5),
            )
            if response.status in _BUSY and response.status not in accept:
                response.drain_conn()
                raise _Busy(response.status, _seconds(response.headers.get("Retry-After", "")))
            return response

        response = self._retry(send)
        try:
            if not 200 <= response.status < 300 and response.status not in accept:
                self._refused(response.status)
            yield response
        finally:
            response.close()  # an unread rest is not worth reading

    def _retry(self, send: Callable[[], urllib3.BaseHTTPResponse]) -> urllib3.BaseHTTPResponse:
        try:
            return tenacity.Retrying(
                retry=tenacity.retry_if_exception(_is_temporary),
                wait=_wait,
                stop=tenacity.stop_before_delay(self._patience),
                reraise=True,
            )(send)
        except (urllib3.exceptions.HTTPError, _Busy) as error:
            cause = _cause(error)
        # Outside the except clause: the error's own text and context name the whole address.
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, _BROKEN_TLS):
            what = getattr(cause, "verify_message", "") or cause.reason
            raise InvalidInput(
                f"{self.name} {self.base} cannot be trusted: {what}.",
                "Check that it speaks TLS; if its certificate is from a private authority, name that one's file in "
                "REQUESTS_CA_BUNDLE.",
            )
        raise self.unavailable(_words(cause))

    def unavailable(self, cause: str) -> SourceUnavailable:
        """The error for a server that stopped answering."""
        return SourceUnavailable(
            f"{self.name} {self.base} did not answer for {self._patience:.0f} s: {cause}.",
            "Check the address and that it runs and is reachable, then try again.",
        )

    def _refused(self, status: int) -> None:
        if 300 <= status < 400:
            raise InvalidInput(
                f"{self.name} {self.base} redirects to another address ({status}), which is not followed.",
                "Use the address that it redirects to, if that is one to be trusted.",
            )
        if status in (401, 403):
            what = "the login" if self.login.headers else "a request without login"
            raise InvalidInput(f"{self.name} {self.base} refused {what} ({status}).", self.login.remedy)
        if status in (404, 410):
            raise InvalidInput(
                f"{self.name} {self.base} has nothing at this address ({status}).",
                "Check the address, the path included.",
            )
        raise InvalidInput(
            f"{self.name} {self.base} refused the request ({status}).",
            "Check the address and the query; the server's log says more.",
        )


def body(response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    """The body as it arrives, undone of any compression of the transfer.

    Raises:
        Interrupted: If it ends early.
    """
    try:
        # `stream` would lose what came of its last chunk before the break.
        while piece := response.read1(_CHUNK_BYTES):
            yield piece
        return
    except (urllib3.exceptions.HTTPError, OSError) as error:
        words = _words(_cause(error))
    raise Interrupted(words)


def _wait(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    after = error.after if isinstance(error, _Busy) else None
    return float(_BACKOFF(state) if after is None else min(after, LONGEST_WAIT_SECONDS))


def _seconds(retry_after: str) -> float | None:
    """What a Retry-After header says: seconds, or a date."""
    if retry_after.isdecimal():
        return float(retry_after)
    try:
        when = email.utils.parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(0.0, (when - datetime.now(UTC)).total_seconds()) if when.tzinfo else None


def _is_temporary(error: BaseException) -> bool:
    cause = _cause(error)
    if isinstance(cause, ssl.SSLError) and not isinstance(cause, _BROKEN_TLS):
        return False
    return isinstance(error, _Busy | urllib3.exceptions.HTTPError | OSError)


def _cause(error: BaseException) -> BaseException:
    """What urllib3 wraps, which does not name the address."""
    while isinstance(error, urllib3.exceptions.HTTPError):
        candidates = (getattr(error, "reason", None), *error.args, error.__cause__)
        inner = next((one for one in candidates if isinstance(one, BaseException)), None)
        if inner is None:
            break
        error = inner
    return error


def _words(cause: BaseException) -> str:
    if isinstance(cause, _Busy):
        return str(cause)
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return {"IncompleteRead": "a transfer ended early"}.get(type(cause).__name__, type(cause).__name__)


def _pool(base: str, patience: float) -> urllib3.PoolManager:
    bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE")
    if bundle and not os.path.exists(bundle):
        raise InvalidInput(f"There is no file of certificates {bundle}.", "Correct REQUESTS_CA_BUNDLE.")
    settings: dict[str, Any] = {
        "maxsize": _PARALLEL,
        "timeout": urllib3.Timeout(connect=min(10, patience), read=min(120, patience)),
        "ssl_context": ssl.create_default_context(cafile=bundle),
    }
    parts = urlsplit(base)
    proxy = urllib.request.getproxies().get(parts.scheme)
    if proxy and not urllib.request.proxy_bypass(parts.netloc):
        return urllib3.ProxyManager(proxy, **settings)
    return urllib3.PoolManager(**settings)
