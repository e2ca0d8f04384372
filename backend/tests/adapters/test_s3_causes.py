"""The log names the cause of a storage failure once for each outage, without keys, addresses of objects and URLs."""

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore import exceptions as boto
from botocore.exceptions import ClientError
from structlog.testing import capture_logs

from app import bootstrap
from app.adapters.s3 import S3Storage
from app.adapters.s3_connection import make_signer
from app.core.config import Settings
from app.core.storage_causes import CredentialsEnded, cause_of
from app.domain.errors import StorageUnavailable
from tests.adapters.scripted_server import Answer, ScriptedServer, s3_error
from tests.adapters.test_s3_storage import CALLS, CREATED, storage_at
from tests.adapters.tls_server import CertificateAuthority, https_server
from tests.waiting import TIMEOUT_SECONDS

PRIVATE = re.compile(r"X-Amz|AWS4|AKIA|secret|videos/a/b|uploadId|127\.0\.0\.1|store\.test|https?:")


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


@pytest.fixture(scope="module")
def storage(server: ScriptedServer) -> Iterator[S3Storage]:
    with storage_at(server.url) as made:
        yield made


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> CertificateAuthority:
    return CertificateAuthority.make(tmp_path_factory.mktemp("ca"), "ca")


async def cause_of_call(storage: S3Storage, call: str = "list_parts") -> str:
    with pytest.raises(StorageUnavailable) as raised:
        await CALLS[call](storage)
    cause = cause_of(raised.value)
    assert not PRIVATE.search(cause)
    return cause


# --- the connection -------------------------------------------------------------------------------------------------


@contextmanager
def no_listener() -> Iterator[str]:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{closed.getsockname()[1]}"


@contextmanager
def answers(answer: Answer, scheme: str = "http") -> Iterator[str]:
    with ScriptedServer() as running:
        running.script(answer)
        yield running.url.replace("http", scheme)


@contextmanager
def silent() -> Iterator[str]:
    with ScriptedServer() as running:
        running.script(Answer(200))
        running.hold()
        yield running.url


@contextmanager
def full_backlog() -> Iterator[str]:
    """Linux drops the SYN of a connection for which a listener has no room."""
    with socket.socket() as listener, ExitStack() as clients:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            client = clients.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def proxied() -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch, no_listener() as proxy:
        patch.setenv("http_proxy", proxy)
        patch.delenv("no_proxy", raising=False)
        patch.delenv("NO_PROXY", raising=False)
        yield "http://store.test:9000"


@contextmanager
def unknown_host() -> Iterator[str]:
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", fail)
        yield "http://store.test:9000"


NETWORK: dict[str, tuple[Callable[[], Any], str]] = {
    "unknown host": (unknown_host, "DNS does not resolve the store's host name."),
    "refused": (no_listener, "The store refused the connection."),
    "connect time-out": (full_backlog, "The connection to the store timed out."),
    "read time-out": (silent, "The store did not answer in time."),
    "closed": (lambda: answers(Answer(0, is_none=True)), "The store closed the connection before"),
    "cut off": (
        lambda: answers(Answer(200, b"<", announced_bytes=9)),
        "The store answered 500, or its answer is not",
    ),
    "proxy": (proxied, "The HTTP proxy of this machine's environment cannot be used."),
    "no TLS": (lambda: answers(Answer(200), "https"), "TLS failed because the store does not speak TLS"),
    "no XML": (
        lambda: answers(Answer(200, b"<html><br></html")),
        "The store answered 500, or its answer is not",
    ),
    "another's page": (lambda: answers(Answer(200, b"<html></html>")), "The answer is not what S3 sends."),
}


@pytest.mark.parametrize("name", NETWORK)
async def test_names_cause_in_the_network(name: str) -> None:
    store, words = NETWORK[name]
    seconds = 0.3 if name.endswith("time-out") else TIMEOUT_SECONDS

    with (
        store() as url,
        storage_at(url, read_timeout_seconds=seconds, connect_timeout_seconds=seconds) as storage,
    ):
        assert (await cause_of_call(storage)).startswith(words)


async def test_names_own_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(S3Storage._call, "__kwdefaults__", {"time_limit": 0.05, "lane": None})

    with silent() as url, storage_at(url) as storage:
        assert await cause_of_call(storage) == "The store did not answer in time."


CERTIFICATES: dict[str, tuple[dict[str, Any], str]] = {
    "expired": ({"ends_in": timedelta(hours=-1)}, "the certificate has expired"),
    "early": ({"begins_in": timedelta(hours=1)}, "the certificate is not valid yet"),
    "other-address": ({"host": "127.0.0.2"}, "the certificate is for another host name"),
    "other-name": ({"host": "store.test"}, "the certificate is for another host name"),
}


@pytest.mark.parametrize("name", CERTIFICATES)
async def test_names_fault_of_certificate(
    authority: CertificateAuthority, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    values, words = CERTIFICATES[name]
    monkeypatch.setenv("AWS_CA_BUNDLE", str(authority.folder / "ca.pem"))

    with https_server(authority.issue(name, **values)) as url, storage_at(url) as storage:
        assert await cause_of_call(storage, "check") == f"TLS failed because {words}."


@pytest.mark.parametrize("is_self_signed", [True, False])
async def test_names_unknown_authority(
    authority: CertificateAuthority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_self_signed: bool
) -> None:
    CertificateAuthority.make(tmp_path, "other")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "other.pem"))
    certificate = authority.folder / "ca.pem" if is_self_signed else authority.issue("good")

    with https_server(certificate) as url, storage_at(url) as storage:
        assert "the certificate is signed by an unknown CA" in await cause_of_call(storage, "check")


async def test_trusted_certificate_is_no_failure(
    authority: CertificateAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(authority.folder / "ca.pem"))

    with https_server(authority.issue("good")) as url, storage_at(url) as storage:
        await storage.check()


async def test_env_file_may_name_the_trusted_certificates(
    authority: CertificateAuthority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    with https_server(authority.issue("good")) as url:
        file = tmp_path / ".env"
        file.write_text(
            f"S3_ENDPOINT_URL={url}\nAWS_CA_BUNDLE={authority.folder}/ca.pem\n"
            "AWS_ACCESS_KEY_ID=key\nAWS_SECRET_ACCESS_KEY=secret\n"
        )
        connection = bootstrap.s3_connection(Settings(_env_file=file))
        storage = S3Storage(connection, make_signer(connection))
        try:
            await storage.check()
        finally:
            storage.close()


# --- what the store answers -----------------------------------------------------------------------------------------

SKEWED = "This machine's clock differs too much from the store's. The store answered "
REFUSALS = [
    (s3_error(403, "RequestTimeTooSkewed"), f"{SKEWED}403 RequestTimeTooSkewed."),
    (s3_error(403, "RequestInTheFuture"), f"{SKEWED}403 RequestInTheFuture."),
    (s3_error(403, "AccessDenied"), "The store answered 403 AccessDenied. The credentials lack a right"),
    (
        s3_error(403, "InvalidAccessKeyId"),
        "The store answered 403 InvalidAccessKeyId. Check AWS_ACCESS_KEY_ID.",
    ),
    (
        s3_error(403, "SignatureDoesNotMatch"),
        "The store answered 403 SignatureDoesNotMatch. Check AWS_ACCESS",
    ),
    (s3_error(400, "ExpiredToken"), "The store answered 400 ExpiredToken. The credentials have ended."),
    (s3_error(400, "InvalidToken"), "The store answered 400 InvalidToken. Check AWS_SESSION_TOKEN."),
    (s3_error(404, "NoSuchBucket"), "The store answered 404 NoSuchBucket. Check S3_BUCKET"),
    (s3_error(503, "SlowDown"), "The store answered 503 SlowDown."),
    (s3_error(400, "no AKIA key"), "The store answered 400."),
    (
        Answer(502, b"<html>Bad Gateway</html>", {"Content-Type": "text/html"}),
        "A proxy in front of the store answered 502",
    ),
    (Answer(403), "The store answered 403."),
]


@pytest.mark.parametrize("call", ["list_parts", "check"])
@pytest.mark.parametrize(("answer", "words"), REFUSALS)
async def test_names_answer_of_store(
    server: ScriptedServer, storage: S3Storage, answer: Answer, words: str, call: str
) -> None:
    """A HEAD, which `check` sends first, has no body with S3's code."""
    server.script(answer)

    cause = await cause_of_call(storage, call)

    head_knows_status_only = answer.status == 404 and call == "check"
    assert cause.startswith(words.replace(" NoSuchBucket", "") if head_knows_status_only else words)


def sts_error(operation: str) -> ClientError:
    answer: Any = {"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
    return ClientError(answer, operation)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (boto.NoCredentialsError(), "There are no AWS credentials."),
        (boto.ProfileNotFound(profile="p"), "AWS_PROFILE names a profile"),
        (boto.UnauthorizedSSOTokenError(), "The AWS sign-in has ended. Run `aws sso login`."),
        (boto.SSOTokenLoadError(error_msg="secret"), "The AWS sign-in has ended."),
        (boto.TokenRetrievalError(provider="sso", error_msg="secret"), "The AWS sign-in has ended."),
        (
            boto.CredentialRetrievalError(provider="custom-process", error_msg="secret"),
            "The AWS credentials cannot be read from custom-process.",
        ),
        (
            boto.MetadataRetrievalError(error_msg="secret"),
            "The AWS credentials cannot be read from the machine's",
        ),
        (CredentialsEnded(), "The AWS credentials have ended and were not renewed."),
        (
            sts_error("AssumeRole"),
            "The AWS credentials cannot be renewed. AssumeRole was answered 403 AccessDenied.",
        ),
        (sts_error("GetRoleCredentials"), "The AWS credentials cannot be renewed."),
        (OSError(113, "no route"), "There is no network route to the store."),
        (ValueError("secret"), "An unknown error occurred (ValueError)."),
    ],
)
def test_names_cause_in_credentials(error: Exception, words: str) -> None:
    cause = cause_of(error)

    assert cause.startswith(words)
    assert not PRIVATE.search(cause)


# --- how often ------------------------------------------------------------------------------------------------------


async def test_logs_cause_once_for_each_outage(server: ScriptedServer, storage: S3Storage) -> None:
    with capture_logs() as told:
        for is_away in (False, True, True, False, True, False):
            server.script(Answer(0, is_none=True) if is_away else Answer(200, CREATED))
            for call in ("create", "head", "create"):
                if is_away:
                    await cause_of_call(storage, call)
                elif call == "create":
                    await CALLS[call](storage)

    assert [line["event"] for line in told] == ["storage.unreachable", "storage.reachable"] * 2
    assert told[0]["endpoint"] == server.url
    assert told[0]["cause"].startswith("The store closed the connection")


async def test_logs_refusal_once_for_each_operation(server: ScriptedServer, storage: S3Storage) -> None:
    """One operation may lack a right while the others work."""
    with capture_logs() as told:
        for call, answer in [
            ("abort", s3_error(403, "AccessDenied")),
            ("create", Answer(200, CREATED)),
            ("abort", s3_error(403, "AccessDenied")),
            ("abort", s3_error(503, "SlowDown")),
            ("list_parts", s3_error(403, "AccessDenied")),
            ("abort", Answer(204)),
            ("abort", s3_error(503, "SlowDown")),
        ]:
            server.script(answer)
            if answer.status < 300:
                await CALLS[call](storage)
            else:
                await cause_of_call(storage, call)

    found = [(line["event"], line["operation"], line["status"], line["code"]) for line in told]
    assert found == [
        ("storage.refused", "abort_multipart_upload", 403, "AccessDenied"),
        ("storage.refused", "abort_multipart_upload", 503, "SlowDown"),
        ("storage.refused", "list_parts", 403, "AccessDenied"),
        ("storage.refused", "abort_multipart_upload", 503, "SlowDown"),
    ]
