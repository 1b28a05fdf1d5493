"""Writes the bill of materials of what a user installs: CycloneDX 1.6, from the lock, with every file's hash.

python .ci/sbom.py OUT [LOCK]. The same lock gives the same file: it holds no time and no random number.
"""

from __future__ import annotations

import re
import sys
import tomllib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

ROOT = Path(__file__).parent.parent
SPACE = uuid.UUID("6c1d1c7e-5b0b-4d5e-9f0a-3f6d0b3a6f11")
"""Where this product's serial numbers are made from."""


@dataclass(frozen=True)
class Locked:
    """One package of a lock: its pinned version, when it is installed, and the hashes of the files it may come as."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]


def read_lock(text: str) -> Iterator[Locked]:
    """The packages of a lock file; ValueError for a line that is neither pinned nor a hash nor a comment."""
    joined = re.sub(r"\\\n\s*", " ", text)
    for line in joined.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = re.fullmatch(
            r"([A-Za-z0-9._-]+)==([^\s;]+)\s*(?:;\s*(.*?))?((?:\s+--hash=sha256:[0-9a-f]{64})+)\s*", line
        )
        if found is None:
            raise ValueError(f"not a pinned package with hashes: {line.split()[0]}")
        hashes = tuple(sorted(re.findall(r"sha256:([0-9a-f]{64})", found[4])))
        yield Locked(found[1], found[2], (found[3] or "").strip(), hashes)


def bill(lock: Path) -> Bom:
    """The product and every package of the lock as a CycloneDX document."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    own = Component(
        name=project["name"],
        version=project["version"],
        type=ComponentType.APPLICATION,
        bom_ref=project["name"],
        purl=PackageURL("pypi", None, project["name"], project["version"]),
        licenses=[DisjunctiveLicense(id=project["license"])],
    )
    packages = [_component(each) for each in read_lock(lock.read_text(encoding="utf-8"))]
    bom = Bom(components=packages, serial_number=uuid.uuid5(SPACE, lock.read_text(encoding="utf-8")))
    bom.metadata.component = own
    bom.metadata.timestamp = None
    bom.register_dependency(own, packages)
    return bom


def _component(package: Locked) -> Component:
    purl = PackageURL("pypi", None, package.name.lower().replace("_", "-"), package.version)
    # A version comes as several files, one per platform; each file's hash hangs on a reference of its own.
    files = [
        ExternalReference(
            type=ExternalReferenceType.DISTRIBUTION,
            url=XsUri(f"urn:sha256:{digest}"),
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest)],
        )
        for digest in package.hashes
    ]
    return Component(
        name=package.name,
        version=package.version,
        type=ComponentType.LIBRARY,
        bom_ref=str(purl),
        purl=purl,
        external_references=files,
        description=f"installed when {package.marker}" if package.marker else None,
    )


def main() -> None:
    """Write the file named first, from the lock named second or the one the image is made of."""
    out = Path(sys.argv[1])
    lock = Path(sys.argv[2]) if len(sys.argv) > 2 else ROOT / "requirements" / "run.lock"
    out.parent.mkdir(parents=True, exist_ok=True)
    bom = bill(lock)
    out.write_text(JsonV1Dot6(bom).output_as_string(indent=2) + "\n", encoding="utf-8")
    print(f"{out}: {len(bom.components)} packages")


if __name__ == "__main__":
    main()
