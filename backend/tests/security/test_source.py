"""The code has no construction that a class of attacks needs."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from app.models import User

BACKEND = Path(__file__).parents[2]
PACKAGES = ("app", "localstore", "mediaprobe")
PAGE = BACKEND.parent / "frontend" / "src"

CONNECTING = {
    "boto3",
    "botocore.session",
    "http.client",
    "httpx",
    "psycopg",
    "redis",
    "socket",
    "urllib.request",
    "urllib3",
}
"""Modules that can open a connection, besides asyncio."""
MAY_CONNECT = {
    "app/adapters/s3_connection.py": "the store, and what botocore asks for credentials",
    "app/adapters/s3_credentials.py": "the same",
    "app/adapters/redis_counters.py": "Redis, if LIMITS_URL names it",
    "app/adapters/scan_url.py": "the scanner, if SCAN_URL names it",
    "app/client.py": "the server of `slipway upload` and `download`, which a person types",
    "app/transfers.py": "the same, and URLs that it signs",
    "app/core/db.py": "the database",
    "app/core/addresses.py": "a UDP socket that sends nothing, to learn this machine's own addresses",
    "app/core/config.py": "the name of this machine",
    "app/core/database_url.py": "reads DATABASE_URL as libpq does",
    "app/core/pooler.py": "what the database says when the app has connected to it",
    "app/core/storage_causes.py": "the names of errors",
    "app/embedded.py": "the embedded store, on this machine",
    "app/health_server.py": "listens, if --health-port is given",
    "app/http_server.py": "listens",
    "app/server.py": "listens",
    "localstore/accepting.py": "listens",
    "localstore/listeners.py": "listens",
    "localstore/local_names.py": "the names of this machine",
    "localstore/places.py": "the addresses of connections that came",
    "localstore/server.py": "its own servers, on loopback",
    "mediaprobe/http_source.py": "`slipway probe URL`, which a person types",
    "mediaprobe/__main__.py": "the names of its errors",
}


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Yield our installed modules by their path."""
    for package in PACKAGES:
        for file in sorted((BACKEND / package).rglob("*.py")):
            yield str(file.relative_to(BACKEND)), ast.parse(file.read_text(encoding="utf-8"))


def imported(module: ast.Module) -> set[str]:
    """Return the modules that an import names, wherever it stands."""
    found = set()
    for node in ast.walk(module):
        match node:
            case ast.Import(names=names):
                found |= {name.name for name in names}
            case ast.ImportFrom(module=str(name), level=0, names=names):
                found |= {name, *(f"{name}.{each.name}" for each in names)}
    return found


def page_sources() -> Iterator[tuple[str, str]]:
    """Yield what the page is built from."""
    for file in sorted(PAGE.rglob("*.ts*")):
        if ".test." not in file.name and "testing" not in file.parts:
            yield str(file.relative_to(PAGE)), file.read_text(encoding="utf-8")


def test_security_rules_find_nothing() -> None:
    """ruff's S rules, as bandit's. They find eval, pickle, shells, SQL of strings, weak hashes and random numbers."""
    ruff = Path(sys.executable).with_name("ruff")
    ended = subprocess.run(
        [ruff, "check", "--select", "S", "--no-cache", *PACKAGES],
        cwd=BACKEND,
        capture_output=True,
        check=False,
        text=True,
    )

    assert ended.returncode == 0, ended.stdout


def test_only_adapters_open_connections() -> None:
    found = {
        path
        for path, module in modules()
        if any(f"{name}.".startswith(tuple(f"{each}." for each in CONNECTING)) for name in imported(module))
    }

    assert found == MAY_CONNECT.keys()


def test_no_exception_is_raised_twice() -> None:
    """One that is raised again keeps the frames of all earlier times, with the requests in them."""
    shared = [
        f"{path}: {ast.unparse(node)}"
        for path, module in modules()
        for node in ast.walk(module)
        if isinstance(node, ast.Raise)
        and isinstance(node.exc, ast.Name | ast.Attribute)
        and re.fullmatch(r"[A-Z0-9_]+", ast.unparse(node.exc).rpartition(".")[2])
    ]

    assert shared == []


def test_no_pattern_is_built_from_input() -> None:
    """A pattern is a literal, of constants, or of escaped texts."""
    patterns = [
        (path, ast.unparse(call.args[0]))
        for path, module in modules()
        for call in ast.walk(module)
        if isinstance(call, ast.Call)
        and re.fullmatch(r"re\.(compile|\w*match|search|sub|split|findall|finditer)", ast.unparse(call.func))
    ]

    assert len(patterns) > 20
    names = {
        (path, pattern)
        for path, pattern in patterns
        if "re.escape(" not in pattern
        and any(not node.id.isupper() for node in ast.walk(ast.parse(pattern)) if isinstance(node, ast.Name))
    }
    assert {path for path, _ in names} <= ESCAPED_BEFORE


ESCAPED_BEFORE = {"app/api/public_path.py"}
"""The names of the page's own files, escaped in the line before."""


def test_no_password_expires() -> None:
    columns = {column.name for column in User.__table__.columns if "password" in column.name}  # type: ignore[attr-defined]  # SQLModel's

    assert columns == {"password_hash"}


def test_installed_package_has_no_tests() -> None:
    project = tomllib.loads((BACKEND / "pyproject.toml").read_text(encoding="utf-8"))

    assert project["tool"]["uv"]["build-backend"]["module-name"] == list(PACKAGES)
    assert {
        path
        for path, module in modules()
        if "test" in path or imported(module) & {"pytest", "hypothesis", "tests", "playwright"}
    } == set()


def test_page_builds_no_code_and_no_markup() -> None:
    dangerous = re.compile(
        r"dangerouslySetInnerHTML|innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function\("
        r"|javascript:"
    )

    found = {(path, hit) for path, text in page_sources() for hit in dangerous.findall(text)}

    # Scripts of ours, which must run before the page's own. The policy has their hashes.
    assert found == {
        ("app/layout.tsx", "dangerouslySetInnerHTML"),  # the language, before the first paint
        ("components/browser-notice.tsx", "dangerouslySetInnerHTML"),  # also in old browsers
    }


def test_page_listens_to_no_message_of_other_windows() -> None:
    listens = re.compile(r"addEventListener\(\s*[\"']message|(?:window|self|globalThis)\.onmessage")

    assert {path for path, text in page_sources() if listens.search(text)} == OF_ITS_OWN_ORIGIN


OF_ITS_OWN_ORIGIN = {"lib/session-news.ts"}
"""A BroadcastChannel has only documents of the same origin, and what it says is taken for an ID or null."""
