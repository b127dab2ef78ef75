"""What is temporary is waited for; what is not becomes one line, which names no UID."""

import datetime
import ipaddress
import logging
import time
import traceback
from collections.abc import Iterator
from email.utils import format_datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from medgantry.dicom.network.http import HttpServer, Interrupted, Login, body
from medgantry.errors import InvalidInput, SourceUnavailable
from pipelines.runners.ports import free_port
from tests.http_double import HttpDouble, Reply, Request

UID = "1.2.826.0.1.3680043.2.1125.7"


def server(base: str, patience: float = 5.0, **login: str) -> HttpServer:
    return HttpServer(base, name="The server", login=Login(**login, remedy="Log in."), patience=patience)


def read(base: str, patience: float = 5.0, **login: str) -> bytes:
    with server(base, patience, **login).request(f"studies/{UID}", query=[("PatientID", "A&B")]) as response:
        return b"".join(body(response))


def seconds_from_now(seconds: float) -> str:
    return format_datetime(datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds))


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_server_is_asked_again(status: int) -> None:
    replies = [
        Reply(status=status),
        Reply(status=status, headers={"Retry-After": "junk"}),
        Reply(body=b"here"),
    ]
    with HttpDouble(lambda _: replies.pop(0)) as double:
        assert read(double.url) == b"here"
        assert [request.value("PatientID") for request in double.requests] == ["A&B"] * 3


@pytest.mark.parametrize("after", ["1", "date"])
def test_a_server_is_not_asked_before_it_wants(after: str) -> None:
    value = seconds_from_now(2) if after == "date" else after
    replies = [Reply(status=429, headers={"Retry-After": value}), Reply(body=b"here")]
    with HttpDouble(lambda _: replies.pop(0)) as double:
        start = time.monotonic()
        assert read(double.url) == b"here"
        assert time.monotonic() - start >= 0.9


def test_patience_ends_before_a_wait_that_is_too_long() -> None:
    with HttpDouble(lambda _: Reply(status=503, headers={"Retry-After": "3600"})) as double:
        start = time.monotonic()
        with pytest.raises(SourceUnavailable, match=r"did not answer for 60 s: it answers 503\. Check"):
            read(double.url, patience=60)
        assert time.monotonic() - start < 30


def test_nobody_there() -> None:
    base = f"http://127.0.0.1:{free_port()}/dicom-web"
    with pytest.raises(SourceUnavailable, match="Connection refused") as caught:
        read(base, patience=1)
    assert base in caught.value.message
    assert "reachable" in caught.value.remedy


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, "refused a request without login"),
        (403, "refused a request"),
        (404, "nothing at this address"),
        (400, "refused the"),
    ],
)
def test_a_refusal_is_not_repeated(status: int, message: str) -> None:
    with HttpDouble(lambda _: Reply(status=status)) as double:
        with pytest.raises(InvalidInput, match=message) as caught:
            read(double.url)
        assert len(double.requests) == 1
        assert caught.value.remedy == ("Log in." if status in (401, 403) else caught.value.remedy)
        assert caught.value.remedy


def test_no_uid_shows_in_an_error_nor_in_its_cause(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with HttpDouble(lambda _: Reply(body=b"x" * 100, cut=10)) as double:
        bases = [(double.url, Interrupted), (f"http://127.0.0.1:{free_port()}", SourceUnavailable)]
        for base, kind in bases:
            with pytest.raises(kind) as caught:
                read(base, patience=0.5)
            assert UID not in "".join(traceback.format_exception(caught.value))
    assert UID not in caplog.text


def test_the_login_goes_to_the_server_and_not_where_it_redirects() -> None:
    with HttpDouble(lambda _: Reply(body=b"elsewhere")) as other:

        def answer(request: Request) -> Reply:
            return Reply(status=302, headers={"Location": other.url.replace("127.0.0.1", "localhost")})

        with HttpDouble(answer) as double:
            assert read(double.url, username="alice", password="p") == b"elsewhere"
            assert double.requests[0].headers["authorization"] == "Basic YWxpY2U6cA=="
            assert "authorization" not in other.requests[0].headers
            read(double.url, token="abc")
            assert double.requests[1].headers["authorization"] == "Bearer abc"


@pytest.mark.parametrize(
    "base", ["https://alice:secret@host/dicom-web", "ftp://host/x", "https:///x", "host"]
)
def test_an_address_that_is_none_is_refused(base: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        server(base)
    assert "secret" not in str(caught.value)


def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with HttpDouble(lambda request: Reply(body=request.path.encode())) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert b"http://archive.invalid/studies" in read("http://archive.invalid") or proxy.requests
        with HttpDouble(lambda _: Reply(body=b"direct")) as double:
            assert read(double.url) == b"direct"


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[HttpDouble, Path]]:
    """A server with TLS, and the certificate of the authority behind it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Hospital")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(
            name, name, key.public_key(), x509.random_serial_number(), now, now.replace(year=2099)
        )
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    authority, both = tmp_path / "authority.pem", tmp_path / "both.pem"
    authority.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    both.write_bytes(private + authority.read_bytes())
    with HttpDouble(lambda _: Reply(body=b"secret"), certificate=str(both)) as double:
        yield double, authority


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_a_private_authority_must_be_named(
    secure: tuple[HttpDouble, Path], variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    double, authority = secure
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InvalidInput, match=r"cannot be trusted: self.signed certificate") as caught:
        read(double.url)
    assert "REQUESTS_CA_BUNDLE" in caught.value.remedy
    monkeypatch.setenv(variable, str(authority))
    assert read(double.url) == b"secret"
    with pytest.raises(InvalidInput, match="cannot be trusted"):
        read(double.url.replace("127.0.0.1", "localhost"))  # not what the certificate names
    monkeypatch.setenv(variable, str(authority.with_name("missing.pem")))
    with pytest.raises(InvalidInput, match="no file of certificates"):
        read(double.url)


def test_a_server_without_tls_is_told_from_a_wrong_certificate() -> None:
    with HttpDouble(lambda _: Reply()) as double, pytest.raises(InvalidInput, match="WRONG_VERSION_NUMBER"):
        read(double.url.replace("http:", "https:"))
