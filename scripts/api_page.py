"""Write the generated tables of docs/reference/api.md from openapi.json. Run by `make api`."""

import argparse
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference" / "api.md"
PREFIX = "/api/v1"


def main() -> int:
    """Write the page, or with --check return 1 if it is out of date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail if the page is out of date")
    check: bool = parser.parse_args().check
    api = json.loads((ROOT / "openapi.json").read_text(encoding="utf-8"))
    page = PAGE.read_text(encoding="utf-8")
    fresh = with_section(page, "operations", operations(api))
    fresh = with_section(fresh, "answers", answers(api))
    if check:
        return int(fresh != page)
    PAGE.write_text(fresh, encoding="utf-8")
    return 0


def with_section(page: str, name: str, lines: Iterator[str]) -> str:
    """Return the page with these lines between the marks of the section."""
    begin, end = f"<!-- {name}, written by `make api` -->", f"<!-- /{name} -->"
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    return "\n".join([before + begin, *lines, end + after])


def operations(api: dict[str, Any]) -> Iterator[str]:
    """Yield one row for each operation."""
    yield "| call | description | request | answer |"
    yield "|---|---|---|---|"
    for path, item in api["paths"].items():
        for method, operation in item.items():
            # The first clause of the docstring, as the page wants neither colon nor semicolon.
            description = re.split(r"[.:;](?:\s|$)", operation["description"])[0]
            call = f"`{method.upper()} {path.removeprefix(PREFIX)}`"
            yield f"| {call} | {description} | {request(api, operation)} | {answer(operation)} |"


def request(api: dict[str, Any], operation: dict[str, Any]) -> str:
    """Return the fields of the body and the query, with a question mark after those that may be left out."""
    given = [
        (parameter["name"], parameter["required"])
        for parameter in operation.get("parameters", ())
        if parameter["in"] != "path"
    ]
    for content in operation.get("requestBody", {}).get("content", {}).values():
        schema = api["components"]["schemas"][reference(content["schema"])]
        given += [(name, name in schema.get("required", ())) for name in schema["properties"]]
    return ", ".join(f"`{name}{'' if required else '?'}`" for name, required in given)


def answer(operation: dict[str, Any]) -> str:
    """Return the statuses below 400 and the shape of their body."""
    statuses = [status for status in operation["responses"] if int(status) < 400]
    shapes = {
        reference(content["schema"])
        for status in statuses
        for content in operation["responses"][status].get("content", {}).values()
    }
    return " ".join([", ".join(statuses), *(f"`{shape}`" for shape in shapes)])


def answers(api: dict[str, Any]) -> Iterator[str]:
    """Yield one line for each shape of an answer."""
    for name, schema in api["components"]["schemas"].items():
        if re.fullmatch(r"(?!Error|ValidationError)\w+Out", name):
            yield f"- `{name}` has {', '.join(f'`{field}`' for field in schema['properties'])}."


def reference(schema: dict[str, Any]) -> str:
    """Return the name that a schema refers to."""
    name: str = schema["$ref"].rpartition("/")[2]
    return name


if __name__ == "__main__":
    sys.exit(main())
