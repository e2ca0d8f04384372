"""The reference pages list what the code has, and nothing else. Every link and every cited page exists."""

import ast
import re
import subprocess
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
import typer
from prometheus_client import Counter
from prometheus_client.metrics import MetricWrapperBase
from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from app.cli import app as cli
from app.core import metrics
from app.core.audit_events import AuditEvent
from app.core.config import Settings
from app.domain.sweep_report import Category, Outcome

REPOSITORY = Path(__file__).parents[2]
REFERENCE = REPOSITORY / "docs" / "reference"
PAGE = REFERENCE / "configuration.md"
ROW = re.compile(r"^\| `(?P<name>[A-Z0-9_]+)` \| (?P<default>[^|]*) \| (?P<meaning>[^|]+) \|$")


def documented() -> Iterator[tuple[str, str, str]]:
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if found := ROW.match(line):
            yield found["name"], found["default"].strip().strip("`"), found["meaning"].strip()


def written(name: str) -> str:
    """Return a setting's default as the page writes it."""
    field = Settings.model_fields[name]
    default = field.get_default(call_default_factory=True)
    assert default is not PydanticUndefined, f"{name} has no default"
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    if isinstance(default, Enum):
        default = default.value
    if isinstance(default, Path) and default.is_absolute():
        default = default.relative_to(REPOSITORY)
    if isinstance(default, float) and default.is_integer():
        default = int(default)
    if isinstance(default, bool):
        default = str(default).lower()
    return "empty" if default in ("", [], None) else str(default)


def test_lists_every_setting_once_in_order() -> None:
    assert [name for name, _, _ in documented()] == [name.upper() for name in Settings.model_fields]


@pytest.mark.parametrize("name", Settings.model_fields)
def test_has_the_default(name: str) -> None:
    defaults = {documented_name: default for documented_name, default, _ in documented()}

    assert defaults.get(name.upper()) == written(name)


@pytest.mark.parametrize("name", Settings.model_fields)
def test_setting_has_a_meaning(name: str) -> None:
    meanings = {documented_name: meaning for documented_name, _, meaning in documented()}

    assert meanings.get(name.upper())


PAGES = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")])
_LINK = re.compile(r"\]\((?!https?://)([^)#\s]*)(?:#([^)]+))?\)")
_CITED = re.compile(r"\bdocs/[\w/.-]+?\.md\b")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_links_lead_to_files_and_headings(page: Path) -> None:
    links = _LINK.findall(page.read_text(encoding="utf-8"))
    targets = [(page.parent / path if path else page, anchor) for path, anchor in links]

    assert [target for target, anchor in targets if not (target.exists() and _has(target, anchor))] == []


def _has(target: Path, anchor: str) -> bool:
    """Return whether a page has the heading whose anchor, as GitHub writes it, this is."""
    if not anchor:
        return True
    headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
    return anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_code_cites_pages_that_exist() -> None:
    cited = {
        page
        for file in _tracked("*.py", "*.ts", "*.tsx", "*.mjs", "*.sh", "Makefile")
        for page in _CITED.findall(file.read_text(encoding="utf-8"))
    }

    assert cited
    assert {page for page in cited if not (REPOSITORY / page).exists()} == set()


def _tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--", *patterns],
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
        text=True,
    )
    return [REPOSITORY / name for name in listed.stdout.splitlines() if (REPOSITORY / name).exists()]


def test_metrics_page_lists_every_metric_with_its_labels() -> None:
    row = re.compile(r"^- `(slipway_\w+)`(?: \(([^)]*)\))?\.", re.MULTILINE)
    listed = {name: re.findall(r"`(\w+)`", labels) for name, labels in row.findall(_page("metrics-and-logs"))}

    assert listed == dict(_metrics())


def test_metrics_page_lists_every_log_event() -> None:
    _, _, events = _page("metrics-and-logs").partition("## Log events")
    listed = set(re.findall(r"`([a-z]+\.[a-z_]+)`", events)) - {"store.log"}

    assert listed == {event for file in _tracked("backend/app/*.py") for event in _log_events(file)}


def test_audit_events_page_lists_every_event_with_its_facts() -> None:
    _, _, page = _page("metrics-and-logs").partition("## Audit events")
    row = re.compile(r"^- `([a-z]+\.[a-z_]+)` \(([^)]*)\)\.", re.MULTILINE)
    listed = {name: set(re.findall(r"`(\w+)`", facts)) for name, facts in row.findall(page)}
    recorded: dict[str, set[str]] = {}
    for file in _tracked("backend/app/*.py"):
        for event, facts in _audit_events(file):
            recorded.setdefault(event.value, set()).update(facts)

    assert set(listed) == set(AuditEvent)
    assert {name: listed[name] for name in recorded} == recorded


def test_commands_page_lists_every_command_and_every_option_of_sweep() -> None:
    commands = dict(_commands(typer.main.get_command(cli), "slipway"))
    options = {option for parameter in commands["slipway sweep"].params for option in parameter.opts}
    rows = re.findall(r"^- `([^`]+)` ", _page("commands"), re.MULTILINE)

    assert sorted(row for row in rows if row.startswith("slipway")) == sorted(commands)
    assert {row for row in rows if row.startswith("--")} == options


def test_commands_page_lists_every_category_of_a_sweep() -> None:
    assert {category.value for category in Category} <= set(re.findall(r"`(\w+)`", _page("commands")))


def test_architecture_names_paths_that_exist() -> None:
    page = (REPOSITORY / "docs" / "explanation" / "architecture.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:backend|frontend|docs|bench|scripts)/[\w/.-]*)`", page)

    assert {path for path in named if not (REPOSITORY / path).exists()} == set()
    assert {f"backend/app/{folder.name}/" for folder in _folders("backend/app")} <= {*named}


def test_architecture_names_files_and_constants_that_exist() -> None:
    page = (REPOSITORY / "docs" / "explanation" / "architecture.md").read_text(encoding="utf-8")
    files = [file for folder in ("backend", "frontend/src") for file in _sources(REPOSITORY / folder)]
    paths = "\n".join(f"/{file.relative_to(REPOSITORY).as_posix()}\n" for file in files)
    words = {word for file in files for word in re.findall(r"\w+", file.read_text(encoding="utf-8"))}

    named_files = re.findall(r"`([\w./-]+\.(?:py|ts|tsx|toml))`", page)
    assert {name for name in named_files if f"/{name}\n" not in paths} == set()
    assert {*re.findall(r"`(_?[A-Z]\w+|_\w+)`", page)} - words == set()


def _sources(folder: Path) -> Iterator[Path]:
    for pattern in ("*.py", "*.ts", "*.tsx", "*.toml"):
        yield from folder.rglob(pattern)


def _folders(path: str) -> Iterator[Path]:
    return (folder for folder in (REPOSITORY / path).iterdir() if (folder / "__init__.py").exists())


def _commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield the commands of a group by their names. Typer has its own copy of click, whose classes are private."""
    for part, child in getattr(command, "commands", {}).items():
        yield from _commands(child, f"{name} {part}")
    if not hasattr(command, "commands"):
        yield name, command


def _page(name: str) -> str:
    return (REFERENCE / f"{name}.md").read_text(encoding="utf-8")


def _metrics() -> Iterator[tuple[str, list[str]]]:
    for metric in vars(metrics).values():
        if isinstance(metric, MetricWrapperBase):
            suffix = "_total" if isinstance(metric, Counter) else ""
            yield metric._name + suffix, list(metric._labelnames)


def _log_events(file: Path) -> Iterator[str]:
    """Yield the events of `log.info("event", ...)` and the other levels."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="log"))):
                yield from _events(node.args[0])
            case _:
                pass


def _audit_events(file: Path) -> Iterator[tuple[AuditEvent, list[str]]]:
    """Yield the event and the facts of `record(AuditEvent.NAME, fact=...)`."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        match node:
            case ast.Call(func=ast.Name(id="record"), args=[ast.Attribute(attr=name)], keywords=facts):
                yield AuditEvent[name], [fact.arg for fact in facts if fact.arg]
            case _:
                pass


def _events(argument: ast.expr) -> Iterator[str]:
    match argument:
        case ast.Constant(value=str(event)):
            yield event
        case ast.IfExp(body=one, orelse=other):
            yield from (*_events(one), *_events(other))
        case _:
            yield from _COMPUTED_EVENTS[ast.unparse(argument)]


_COMPUTED_EVENTS: Mapping[str, list[str]] = {
    "f'sweep.{report.outcome.value}'": [
        f"sweep.{outcome.value}" for outcome in Outcome if outcome is not Outcome.DONE
    ],
}
