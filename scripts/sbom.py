"""Write a CycloneDX list of the locked packages of the backend and of the page into sbom/. Run by `make sbom`."""

import base64
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

ROOT: Final = Path(__file__).resolve().parents[1]
FOLDER: Final = ROOT / "sbom"

_PINNED: Final = re.compile(
    r"^(?P<name>[A-Za-z0-9._-]+)(?:\[[^]]*\])?==(?P<version>[^\s;]+).*\\\n(?P<hashes>(?:    --hash=.*\n)+)",
    re.M,
)


def main() -> int:
    """Write one file for each lock."""
    FOLDER.mkdir(exist_ok=True)
    pages = (ROOT / "frontend" / "package-lock.json", ROOT / "frontend" / "wasm" / "package-lock.json")
    _write("backend", python_components(ROOT / "backend" / "requirements.txt"))
    _write("frontend", (component for lock in pages for component in npm_components(lock)))
    return 0


def python_components(lock: Path) -> Iterator[Component]:
    """Yield what `make install` may install, with the SHA-256 of each file that it accepts."""
    for found in _PINNED.finditer(lock.read_text(encoding="utf-8")):
        hashes = re.findall(r"--hash=sha256:([0-9a-f]{64})", found["hashes"])
        yield Component(
            type=ComponentType.LIBRARY,
            name=found["name"],
            version=found["version"],
            purl=PackageURL("pypi", None, found["name"], found["version"]),
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=content) for content in hashes],
        )


def npm_components(lock: Path) -> Iterator[Component]:
    """Yield the packages of a lock. Those that only build or check the page have the scope `excluded`."""
    for path, package in json.loads(lock.read_text(encoding="utf-8"))["packages"].items():
        if not path:
            continue  # the project itself
        group, _, name = path.rpartition("node_modules/")[2].rpartition("/")
        algorithm, _, digest = package["integrity"].partition("-")
        if algorithm != "sha512":
            raise ValueError(f"{path} has no SHA-512 in {lock.name}")
        yield Component(
            type=ComponentType.LIBRARY,
            group=group or None,
            name=name,
            version=package["version"],
            scope=ComponentScope.EXCLUDED if package.get("dev") else ComponentScope.REQUIRED,
            purl=PackageURL("npm", group or None, name, package["version"]),
            hashes=[HashType(alg=HashAlgorithm.SHA_512, content=base64.b64decode(digest).hex())],
        )


def _write(name: str, components: Iterator[Component]) -> None:
    bom = Bom(components=components)
    bom.metadata.component = product = Component(type=ComponentType.APPLICATION, name=f"slipway-{name}")
    bom.register_dependency(product, bom.components)
    path = FOLDER / f"{name}.cdx.json"
    JsonV1Dot6(bom).output_to_file(str(path), allow_overwrite=True, indent=2)
    sys.stdout.write(f"{FOLDER.name}/{path.name}: {len(bom.components)} packages\n")


if __name__ == "__main__":
    sys.exit(main())
