"""Everything that is installed has one version and a hash, and `make sbom` lists it."""

import importlib.util
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PYTHON_LOCKS = sorted([*REPOSITORY.glob("backend/requirements*.txt"), REPOSITORY / "bench/requirements.txt"])
PAGE_LOCKS = [REPOSITORY / "frontend/package-lock.json", REPOSITORY / "frontend/wasm/package-lock.json"]
NPM_LOCKS = [*PAGE_LOCKS, REPOSITORY / "bench/upload/package-lock.json"]


def relative(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


def pinned(lock: Path) -> dict[str, int]:
    """Return the number of hashes by `name==version`. An entry without version keeps its whole line as the name."""
    entries = re.split(r"\n(?=\S)", lock.read_text(encoding="utf-8"))
    return {entry.split()[0]: entry.count("--hash=sha256:") for entry in entries if not entry.startswith("#")}


@pytest.mark.parametrize("lock", PYTHON_LOCKS, ids=relative)
def test_python_lock_has_one_version_and_hashes_of_each_package(lock: Path) -> None:
    entries = pinned(lock)

    assert entries
    assert {entry for entry, hashes in entries.items() if "==" not in entry or not hashes} == set()


@pytest.mark.parametrize("lock", NPM_LOCKS, ids=relative)
def test_npm_lock_has_a_hash_of_each_package(lock: Path) -> None:
    packages = json.loads(lock.read_text(encoding="utf-8"))["packages"]
    # The others are folders of this repository.
    foreign = {
        name: package
        for name, package in packages.items()
        if "node_modules/" in name and "link" not in package
    }

    assert foreign
    assert {
        name for name, package in foreign.items() if not package["integrity"].startswith("sha512-")
    } == set()


def test_every_install_demands_the_hashes() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    installs = re.findall(r"^.*\b(?:pip install|npm (?:ci|install|i)\b).*$", makefile, re.MULTILINE)

    assert len(installs) > 4
    # `npm ci` compares each package with the hash of its lock. Ours is installed alone.
    safe = re.compile(r"--require-hashes|npm ci|--no-deps -e \.")
    assert [line for line in installs if not safe.search(line)] == []


def test_sbom_names_every_locked_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location("sbom", REPOSITORY / "scripts" / "sbom.py")
    assert spec is not None
    assert spec.loader is not None
    sbom = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sbom)
    monkeypatch.setattr(sbom, "FOLDER", tmp_path)
    sbom.main()

    python = {
        f"pkg:pypi/{entry.replace('==', '@')}" for entry in pinned(REPOSITORY / "backend/requirements.txt")
    }
    npm = {
        f"pkg:npm/{name.rpartition('node_modules/')[2].replace('@', '%40')}@{package['version']}"
        for lock in PAGE_LOCKS
        for name, package in json.loads(lock.read_text(encoding="utf-8"))["packages"].items()
        if name
    }
    assert purls(tmp_path / "backend.cdx.json") == python
    assert purls(tmp_path / "frontend.cdx.json") == npm


def purls(path: Path) -> set[str]:
    bom = json.loads(path.read_text(encoding="utf-8"))
    assert bom["bomFormat"] == "CycloneDX"
    assert all(component["hashes"] for component in bom["components"])
    return {component["purl"] for component in bom["components"]}


def unpinned_actions(workflow: str) -> list[str]:
    """Return the actions of a GitHub workflow that a tag or a branch names and not a commit."""
    used = re.findall(r"^\s*-?\s*uses:\s*['\"]?([^\s'\"#]+)", workflow, re.MULTILINE)
    return [action for action in used if not re.search(r"^\./|@[0-9a-f]{40}$|@sha256:[0-9a-f]{64}$", action)]


def test_no_workflow_uses_an_unpinned_action() -> None:
    assert unpinned_actions(f"- uses: actions/checkout@v4\n  uses: a/b@{'0' * 40}\n- uses: ./own") == [
        "actions/checkout@v4"
    ]
    workflows = (REPOSITORY / ".github").rglob("*.y*ml")
    assert [
        action for file in workflows for action in unpinned_actions(file.read_text(encoding="utf-8"))
    ] == []


def test_every_exception_from_the_security_rules_has_a_reason() -> None:
    assert [line for line in lines_of_code() if re.search(r"noqa: S\d+(, S\d+)*\s*$", line)] == []


def lines_of_code() -> Iterator[str]:
    listed = subprocess.run(
        ["git", "ls-files", "*.py"], cwd=REPOSITORY, capture_output=True, check=True, text=True
    )
    for name in listed.stdout.splitlines():
        if (REPOSITORY / name).exists():
            yield from (REPOSITORY / name).read_text(encoding="utf-8").splitlines()
