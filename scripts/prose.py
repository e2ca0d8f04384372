"""Count colons and semicolons inside sentences, and fail above the limits. Run by `make check`.

A colon inside a sentence is one that words follow on the same line or in the same paragraph. A colon before a list, a
table or a code block ends its paragraph and does not count. Code is left out: fenced blocks and `inline code` in
Markdown, doctest-like and `literal` text in comments.
"""

import argparse
import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT = Path(__file__).resolve().parents[1]

_WORD: Final = re.compile(r"[A-Za-z][A-Za-z'’-]*")
_COLON: Final = re.compile(r"(?<=[\w)\"'’]):(?=\s+[^\s|])")
_SEMICOLON: Final = re.compile(r";(?=\s|$)")
_FENCE: Final = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_INLINE_CODE: Final = re.compile(r"`[^`]*`")
_URL: Final = re.compile(r"https?://\S+")
# A tool reads these comments, not a person.
_DIRECTIVE: Final = re.compile(
    r"#!|#\s*(noqa|type:|pragma|mypy:|fmt:|ruff:)|//\s*(biome-ignore|@ts-)|/// <reference"
)


@dataclass
class Count:
    """Words and marks of some texts."""

    words: int = 0
    colons: int = 0
    semicolons: int = 0

    def add(self, text: str) -> None:
        """Count one paragraph, comment or docstring."""
        text = _URL.sub("URL", _INLINE_CODE.sub("CODE", text))
        self.words += len(_WORD.findall(text))
        self.colons += len(_COLON.findall(text))
        self.semicolons += len(_SEMICOLON.findall(text))

    def rate(self, marks: int) -> float:
        """Marks per 1,000 words."""
        return 1000 * marks / max(self.words, 1)


def markdown_texts(source: str) -> Iterator[str]:
    """Yield the paragraphs, list items, headings and table cells of a page."""
    for line in re.sub(r"\n(?=[^\n|#*\-\d\s])", " ", _FENCE.sub("", source)).splitlines():
        if line.startswith("|"):
            yield from line.strip("|").split("|")
        else:
            yield line


def python_texts(source: str) -> Iterator[str]:
    """Yield the docstrings and comments of a module, and string statements after an assignment."""
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            yield from re.split(r"\n\s*\n", node.value.value)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and not _DIRECTIVE.match(token.string):
            yield token.string.lstrip("# ")


def typescript_texts(source: str) -> Iterator[str]:
    """Yield the comments of a module. A `//` inside a string is taken for a URL and left out."""
    for block in re.findall(r"/\*\*?(.*?)\*/", source, re.DOTALL):
        yield from re.split(r"\n[\s*]*\n", re.sub(r"\n\s*\* ?", "\n", block))
    for line in re.findall(r"(?:^|\s)(//(?!\s*biome-ignore|\s*@ts-|/).*)$", source, re.MULTILINE):
        yield line.lstrip("/ ")


_READERS: Final = {
    ".md": markdown_texts,
    ".py": python_texts,
    ".ts": typescript_texts,
    ".tsx": typescript_texts,
}
DOCS: Final = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/**/*.md")
CODE: Final = (
    *(
        "backend/app/**/*.py",
        "backend/mediaprobe/**/*.py",
        "backend/localstore/**/*.py",
        "backend/tests/**/*.py",
    ),
    *("scripts/*.py", "bench/**/*.py", "frontend/src/**/*.ts", "frontend/src/**/*.tsx"),
)
# Colons and semicolons per 1,000 words.
LIMITS: Final = {"docs": (5.0, 2.0), "code": (9.0, 2.0)}


def files(patterns: tuple[str, ...]) -> list[Path]:
    """Return the files that match, without generated ones."""
    found = {path for pattern in patterns for path in ROOT.glob(pattern)}
    return sorted(path for path in found if path.name != "schema.d.ts")


def counted(paths: list[Path]) -> Count:
    """Count all texts of these files."""
    count = Count()
    for path in paths:
        for text in _READERS[path.suffix](path.read_text(encoding="utf-8")):
            count.add(text)
    return count


def main() -> int:
    """Print the rates of docs and code, or of each file given. Return 1 if a rate is above its limit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "files", nargs="*", type=Path, help="files to count one by one, against the limits too"
    )
    given: list[Path] = parser.parse_args().files
    kinds = {path.as_posix(): ("docs" if path.suffix == ".md" else "code", [path]) for path in given}
    kinds = kinds or {"docs": ("docs", files(DOCS)), "docstrings and comments": ("code", files(CODE))}
    failed = False
    for name, (kind, paths) in kinds.items():
        count = counted(paths)
        colons, semicolons = count.rate(count.colons), count.rate(count.semicolons)
        most_colons, most_semicolons = LIMITS[kind]
        above = colons > most_colons or semicolons > most_semicolons
        failed |= above
        sys.stdout.write(
            f"{'TOO MANY' if above else 'ok':8} {name}: {count.words} words, per 1,000 words "
            f"{colons:.1f} colons (limit {most_colons:g}), {semicolons:.1f} semicolons (limit {most_semicolons:g})\n"
        )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
