"""Each row of asvs.toml names tests that exist and run, or a reason. No row is missing or unknown."""

import ast
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

BACKEND = Path(__file__).parents[2]
FRONTEND = BACKEND.parent / "frontend"
ROWS: dict[str, dict[str, Any]] = tomllib.loads((Path(__file__).parent / "asvs.toml").read_text("utf-8"))
REASONS = ("review", "deployment", "not_applicable", "open")
# The level of each requirement, by chapter and section, in the order of the standard.
LEVELS = """\
1  1:22 2:1111122223 3:112222222223 4:222 5:123
2  1:122 2:112 3:12223 4:23
3  1:3 2:113 3:12223 4:11222233 5:11122333 6:3 7:22333
4  1:12233 2:23333 3:22 4:1222
5  1:2 2:112333 3:113 4:222
6  1:122 2:111111112222 3:11223333 4:112233 5:22222333 6:2223 7:33 8:2222
7  1:222 2:1111 3:22 4:11222 5:223 6:22
8  1:1233 2:1123 3:133 4:23
9  1:111 2:1222
10 1:22 2:223 3:22223 4:1111122222233333 5:22222 6:22 7:222
11 1:2233 2:22233 3:11233 4:1222 5:23 6:23 7:33
12 1:12233 2:11 3:22223
13 1:2333 2:222223 3:2233 4:1222233
14 1:22 2:12223333 3:122
15 1:12233 2:12233 3:1222222 4:3333
16 1:2 2:22222 3:2222 4:222 5:2223
17 1:23 2:22223333 3:22"""


def requirements() -> dict[str, int]:
    """Return the level of each requirement of the standard."""
    found: dict[str, int] = {}
    for chapter, *sections in (line.split() for line in LEVELS.splitlines()):
        for section, levels in (each.split(":") for each in sections):
            found |= {
                f"{chapter}.{section}.{number}": int(level) for number, level in enumerate(levels, start=1)
            }
    return found


def test_table_of_levels_has_the_size_of_the_standard() -> None:
    levels = list(requirements().values())

    assert [levels.count(level) for level in (1, 2, 3)] == [70, 183, 92]


def test_every_requirement_of_levels_1_and_2_has_a_row_and_no_row_is_unknown() -> None:
    required = {number for number, level in requirements().items() if level < 3}

    assert required - ROWS.keys() == set()
    assert {number: row["level"] for number, row in ROWS.items()}.items() <= requirements().items()


def test_rows_are_in_the_order_of_the_standard() -> None:
    assert list(ROWS) == sorted(ROWS, key=lambda number: [int(part) for part in number.split(".")])


@pytest.mark.parametrize("number", ROWS)
def test_row_has_a_test_or_a_reason(number: str) -> None:
    row = ROWS[number]

    assert row.keys() <= {"level", "about", "tests", *REASONS}
    assert row["about"]
    reasons = [row[kind] for kind in REASONS if kind in row]
    assert row.get("tests") or reasons
    assert all(isinstance(reason, str) and len(reason) > 10 for reason in reasons)
    # What does not apply or does not hold has no proof.
    assert not ({"not_applicable", "open"} & row.keys() and len({"tests", *REASONS} & row.keys()) > 1)


@pytest.mark.parametrize("number", [number for number, row in ROWS.items() if "tests" in row])
def test_named_tests_exist_and_are_not_skipped(number: str) -> None:
    assert [fault for test in ROWS[number]["tests"] if (fault := fault_of(test))] == []


def fault_of(test: str) -> str | None:
    """Return why this test proves nothing, or None."""
    file, _, name = test.partition("::")
    is_page = file.startswith("src/")
    fault = _fault_of_vitest(FRONTEND / file, name) if is_page else _fault_of_pytest(BACKEND / file, name)
    return fault and f"{test}: {fault}"


def _fault_of_pytest(file: Path, name: str) -> str | None:
    if not (re.fullmatch(r"test_\w+\.py", file.name) and file.exists()):
        return "no such file"
    module = _module(file)
    functions = [node for node in module.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    found = [node for node in functions if node.name == name]
    if not found:
        return "no such test"
    marks = [
        node for node in module.body if isinstance(node, ast.Assign) and "pytestmark" in ast.unparse(node)
    ]
    return "skipped" if any(_skips(node) for node in [*found, *marks]) else None


@cache
def _module(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def _skips(node: ast.stmt) -> bool:
    """Return whether the test is or can be skipped, or is expected to fail."""
    return re.search(r"\bpytest\.(mark\.)?(skip|skipif|xfail|importorskip)\b", ast.unparse(node)) is not None


def _fault_of_vitest(file: Path, name: str) -> str | None:
    if not file.exists():
        return "no such file"
    calls = re.findall(
        r"\b(?:it|test)((?:\.\w+)*)(?:\(|\(\s*\[.*?\]\)\()\s*([\"'`])(.*?)\2",
        file.read_text("utf-8"),
        re.DOTALL,
    )
    found = [options for options, _, called in calls if called == name]
    if not found:
        return "no such test"
    return "skipped" if re.search(r"skip|todo|fails|runIf", " ".join(found)) else None


def test_faults_of_named_tests_are_found(tmp_path: Path) -> None:
    file = tmp_path / "test_x.py"
    file.write_text(
        "import pytest\n"
        "def test_runs(): pass\n"
        "@pytest.mark.skipif(True, reason='x')\ndef test_marked(): pass\n"
        "def test_skips(): pytest.skip('x')\n"
    )
    page = tmp_path / "a.test.ts"
    page.write_text(
        'it("runs", () => {});\nit.skip("is skipped", () => {});\nit.each([[1]])("has %j", () => {});\n'
    )

    assert fault_of(f"{file}::test_runs") is None
    assert "no such test" in (fault_of(f"{file}::test_other") or "")
    assert "skipped" in (fault_of(f"{file}::test_marked") or "")
    assert "skipped" in (fault_of(f"{file}::test_skips") or "")
    assert "no such file" in (fault_of(f"{tmp_path / 'x.py'}::test_runs") or "")
    assert [_fault_of_vitest(page, name) for name in ("runs", "has %j")] == [None, None]
    assert _fault_of_vitest(page, "is skipped") == "skipped"
    assert _fault_of_vitest(page, "is not there") == "no such test"
