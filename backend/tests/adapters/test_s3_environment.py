"""Our own store is reached whatever this machine's environment says of proxies and AWS. An external S3 obeys it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ProfileNotFound

from app.adapters.s3_connection import S3Connection, make_signer
from tests.adapters.scripted_server import Answer, ScriptedServer
from tests.waiting import TIMEOUT_SECONDS

NOWHERE = "http://127.0.0.1:9"
PROXIES = [
    {name: value}
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
    for value in (NOWHERE, "socks5://127.0.0.1:9", "127.0.0.1:9", "")
] + [
    {"http_proxy": NOWHERE, "no_proxy": "localhost"},
    {"HTTP_PROXY": NOWHERE, "NO_PROXY": "s3.example,10.0.0.0/8"},
    {"HTTP_PROXY": NOWHERE, "no_proxy": "*"},
]
AWS = [
    {name: value}
    for name, value in {
        "AWS_PROFILE": "missing",
        "AWS_DEFAULT_PROFILE": "missing",
        "AWS_ENDPOINT_URL": NOWHERE,
        "AWS_ENDPOINT_URL_S3": "no address",
        "AWS_CA_BUNDLE": "/missing/ca.pem",
        "REQUESTS_CA_BUNDLE": "/missing/ca.pem",
        "AWS_DATA_PATH": "/missing",
        "AWS_SHARED_CREDENTIALS_FILE": "/missing",
        "AWS_REGION": "no region",
        "AWS_DEFAULT_REGION": "no region",
        "AWS_SESSION_TOKEN": "of another account",
        "AWS_USE_FIPS_ENDPOINT": "true",
        "AWS_USE_DUALSTACK_ENDPOINT": "true",
        "AWS_DEFAULTS_MODE": "wrong",
        "AWS_RETRY_MODE": "wrong",
        "AWS_MAX_ATTEMPTS": "wrong",
        "AWS_REQUEST_CHECKSUM_CALCULATION": "wrong",
        "AWS_RESPONSE_CHECKSUM_VALIDATION": "wrong",
        "AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES": "wrong",
        "AWS_ACCOUNT_ID_ENDPOINT_MODE": "wrong",
        "AWS_S3_US_EAST_1_REGIONAL_ENDPOINT": "wrong",
        "AWS_CSM_PORT": "wrong",
    }.items()
]
CONFIG_FILES = {
    "default profile": "[default]\nregion = eu-central-1\nendpoint_url = http://127.0.0.1:9\n",
    "proxies": "[default]\nca_bundle = /missing\nproxy_ca_bundle = /missing\n",
    "s3 section": "[default]\ns3 =\n    addressing_style = wrong\n    use_accelerate_endpoint = true\n"
    "    us_east_1_regional_endpoint = wrong\n    payload_signing_enabled = wrong\n",
    "services": "[default]\nservices = mine\n[services mine]\ns3 =\n    endpoint_url = http://127.0.0.1:9\n",
    "wrong values": "[default]\nretry_mode = wrong\nmax_attempts = wrong\ndefaults_mode = wrong\n",
    "no file of settings": "not a file of settings\n[",
}


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in (*PROXIES, *AWS):
        for name in variable:
            monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def connection(endpoint_url: str, *, is_embedded: bool = False) -> S3Connection:
    return S3Connection(
        bucket="slipway",
        region="us-east-1",
        endpoint_url=endpoint_url,
        public_endpoint_url=endpoint_url,
        access_key_id="id",
        secret_access_key="secret",
        threads=1,
        queue=1,
        connect_timeout_seconds=TIMEOUT_SECONDS,
        read_timeout_seconds=TIMEOUT_SECONDS,
        attempts=1,
        is_embedded=is_embedded,
    )


def path_of_a_call(server: ScriptedServer, connection: S3Connection) -> str:
    """Ask for the bucket and return the path that the server got."""
    server.script(Answer(200))
    connection.client(connection.endpoint_url, TIMEOUT_SECONDS).head_bucket(Bucket="slipway")
    (seen,) = server.seen
    assert "X-Amz-Security-Token" not in seen.headers
    return seen.path


@pytest.mark.parametrize("environment", [*PROXIES, *AWS], ids=str)
def test_own_store_ignores_environment(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    own = connection(server.url, is_embedded=True)

    assert path_of_a_call(server, own) == "/slipway"
    assert make_signer(own).bucket_url == f"{server.url}/slipway/"


@pytest.mark.parametrize("content", CONFIG_FILES.values(), ids=CONFIG_FILES)
@pytest.mark.parametrize("name", ["config", "credentials"])
def test_own_store_ignores_files_of_aws(
    server: ScriptedServer, tmp_path: Path, content: str, name: str
) -> None:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / name).write_text(content)
    own = connection(server.url, is_embedded=True)

    assert path_of_a_call(server, own) == "/slipway"
    assert make_signer(own).bucket_url == f"{server.url}/slipway/"


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY"])
def test_external_s3_is_reached_through_the_proxy(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, server.url)

    assert path_of_a_call(server, connection("http://s3.example")) == "http://s3.example/slipway"


def test_external_s3_without_the_proxy_it_is_excepted_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", NOWHERE)
    monkeypatch.setenv("no_proxy", "s3.example")
    external = connection("http://s3.example").client("http://s3.example", 6)

    assert external.meta.endpoint_url == "http://s3.example"
    assert external._endpoint.http_session._proxy_config.proxy_url_for("http://s3.example") is None  # type: ignore[attr-defined]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_no_proxy_for_another_store_on_this_machine(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("HTTP_PROXY", NOWHERE)

    assert path_of_a_call(server, connection(server.url.replace("127.0.0.1", host))) == "/slipway"


def test_external_s3_requires_the_profile_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "missing")

    with pytest.raises(ProfileNotFound):
        make_signer(connection("https://s3.example"))


def test_sessions_share_botocores_loader_and_leave_it_as_it_is() -> None:
    """boto3 adds its folder to the loader that a session has, so a shared loader would grow with each session."""
    sessions = [connection("http://s3.example")._session for _ in range(2)]
    one, other = (session._session.get_component("data_loader") for session in sessions)

    assert one is other
    assert len(one.search_paths) == len(set(one.search_paths))
