"""Secrets of the installation and of users stand in no answer, page, command's output, dump or representation."""

import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import text

from app import cli
from app.bootstrap import Application, build, s3_connection
from app.main import create_app
from app.models import User
from app.ports import DeliveryUrl, PresignedPart
from app.schemas.auth import LoginIn, PasswordIn, RegisterIn, TokenOut
from app.services.accounts import SignIn
from tests.api.declared import operations
from tests.api.shapes import API, random_path
from tests.factories import APP_URL, ApiClient, make_settings

KEY = ec.generate_private_key(ec.SECP256R1())
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
CLOSED_PORT = "http://127.0.0.1:1"
PLANTED: Mapping[str, str] = {
    "S3_ENDPOINT_URL": CLOSED_PORT,
    "S3_BUCKET": "videos",
    "AWS_ACCESS_KEY_ID": "AKIAPLANTED",
    "AWS_SECRET_ACCESS_KEY": "planted-store-key",
    "AWS_SESSION_TOKEN": "planted-store-token",
    "METRICS_TOKEN": "planted-metrics-token",
    "CLOUDFRONT_DOMAIN": "d1.cloudfront.net",
    "CLOUDFRONT_KEY_PAIR_ID": "K1",
    "CLOUDFRONT_PRIVATE_KEY": PEM,
    "STORAGE_CONNECT_TIMEOUT_SECONDS": "1",
    "STORAGE_ATTEMPTS": "1",
}
DATABASE_PASSWORD = "planted-database-password"
SECRETS = ["planted-", PEM.splitlines()[1]]


def assert_none_in(text: str) -> None:
    assert [secret for secret in SECRETS if secret in text] == []


# --- what people and programs get -----------------------------------------------------------------------------------


@pytest.fixture
def page(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    for name in ("index.html", "404.html"):
        (folder / name).write_text("<!doctype html><script>1</script>")
    return folder


async def test_no_answer_has_a_secret(
    subtests: pytest.Subtests, database_url: str, tmp_path: Path, page: Path
) -> None:
    """The store is unreachable, so this includes the answers that say why."""
    given = {name.lower(): value for name, value in PLANTED.items()}
    application = build(make_settings(database_url, tmp_path, **{**given, "page_dir": page}))
    try:
        transport = httpx.ASGITransport(create_app(application))
        async with ApiClient(transport=transport, base_url=APP_URL) as client:
            paths = ["/", "/nowhere", "/metrics", f"{API}/openapi.json", f"{API}/nothing"]
            asked = [("GET", path) for path in paths] + [
                (method, random_path(path)) for method, path, _ in operations()
            ]
            for method, path in asked:
                with subtests.test(f"{method} {path}"):
                    answer = await client.request(method, path, json={} if method == "POST" else None)
                    assert_none_in(f"{answer.headers} {answer.text}")
            answer = await client.get("/metrics", headers={"Authorization": "Bearer planted-metrics-token"})
            assert answer.status_code == 200
            assert_none_in(answer.text)
    finally:
        await application.close()


COMMANDS: Mapping[str, tuple[list[str], Mapping[str, str]]] = {
    "the API's description": (["openapi"], {}),
    "an unreachable store": (["storage", "check"], {}),
    "an unreachable store and --json": (["storage", "check", "--json"], {}),
    "an unreachable database": (
        ["db", "upgrade"],
        {"DATABASE_URL": f"postgresql+psycopg://slipway:{DATABASE_PASSWORD}@127.0.0.1:1/slipway"},
    ),
    "an unreachable database of a worker": (
        ["worker"],
        {"DATABASE_URL": f"postgresql+psycopg://slipway:{DATABASE_PASSWORD}@127.0.0.1:1/slipway"},
    ),
    "a bracket in the database's address": (
        ["db", "upgrade"],
        {"DATABASE_URL": f"postgresql+psycopg://slipway:{DATABASE_PASSWORD}@[db/slipway"},
    ),
    "a password with an @": (
        ["db", "upgrade"],
        {"DATABASE_URL": f"postgresql+psycopg://slipway:{DATABASE_PASSWORD}@x@[::1]:port/slipway"},
    ),
    "another database": (["serve"], {"DATABASE_URL": f"mysql://slipway:{DATABASE_PASSWORD}@db/slipway"}),
    "a password in the store's address": (
        ["serve"],
        {"S3_ENDPOINT_URL": "http://slipway:planted-password@store"},
    ),
    "a key that is none": (["serve"], {"CLOUDFRONT_PRIVATE_KEY": "-----BEGIN planted-key"}),
    "a key that belongs to no other": (["serve"], {"AWS_ACCESS_KEY_ID": ""}),
    "a wrong number": (["serve"], {"SLIPWAY_PORT": "planted-number"}),
}


@pytest.mark.parametrize("what", COMMANDS)
@pytest.mark.usefixtures("_logging_as_before")
def test_no_command_prints_a_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], what: str
) -> None:
    arguments, settings = COMMANDS[what]
    monkeypatch.chdir(tmp_path)
    for name, value in {"SLIPWAY_DATA_DIR": "data", **PLANTED, **settings}.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(SystemExit) as ended:
        cli.app(arguments)

    printed = "".join(capfd.readouterr())
    assert (ended.value.code == 0) == (arguments == ["openapi"])
    assert printed
    assert_none_in(printed)


@pytest.fixture
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, before = root.handlers, root.level, structlog.get_config()
    yield
    structlog.configure(**before)
    root.handlers, root.level = handlers, level


# --- what is stored, and what an error message may show ------------------------------------------------------------


async def test_dump_of_the_database_has_neither_password_nor_token(application: Application) -> None:
    account = {"email": "keeper@example.com", "password": "planted-password"}
    transport = httpx.ASGITransport(create_app(application))
    async with ApiClient(transport=transport, base_url=APP_URL, headers={"Origin": APP_URL}) as client:
        await client.post(f"{API}/auth/register", json=account)
        await client.post(f"{API}/auth/login", json=account)
        form = {"username": account["email"], "password": account["password"]}
        token = (await client.post(f"{API}/auth/token", data=form)).json()["access_token"]
        cookies = list(client.cookies.values())
    tables = ["users", "sessions", "videos", "installation"]
    async with application.database.reading() as session:
        rows = [row for table in tables for row in await session.execute(text(f"SELECT * FROM {table}"))]  # noqa: S608  # names of ours

    dump = repr(rows)
    assert "keeper@example.com" in dump
    assert cookies
    assert [secret for secret in ("planted-password", token, *cookies) if secret in dump] == []


def test_no_representation_has_a_secret(database_url: str, tmp_path: Path) -> None:
    given = {name.lower(): value for name, value in PLANTED.items()}
    settings = make_settings(database_url, tmp_path, **given)
    now = datetime.now(UTC)
    user = User(
        email="a@example.com",
        email_key="a",
        password_hash="planted-hash",
        is_active=True,
        reserved_bytes=0,
        created_at=now,
    )
    held = [
        settings,
        s3_connection(settings),
        user,
        SignIn(user=user, token="planted-token", expires_at=now),
        TokenOut(access_token="planted-token", token_type="bearer", expires_at=now),
        RegisterIn(email="a@example.com", password="planted-password"),
        LoginIn(email="a@example.com", password="planted-password"),
        PasswordIn(current_password="planted-password", new_password="planted-password"),
        PresignedPart(1, "https://s3.example/?X-Amz-Signature=planted-signature", 1, now),
        DeliveryUrl("https://s3.example/?X-Amz-Signature=planted-signature", now),
    ]

    for each in held:
        assert_none_in(f"{each!r} {each}")
