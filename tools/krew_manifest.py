"""krew's manifest of the plugin, for the bundles in dist/: python -m tools.krew_manifest URL

Into dist/: podwire-VERSION-linux-MACHINE.tar.gz for each bundle, which krew unpacks, and
krew.yaml, which names them below URL with their SHA-256 (krew, "Writing a plugin manifest").
`kubectl krew install --manifest=dist/krew.yaml --archive=dist/FILE.tar.gz` needs no network.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tools.bundle import DIST, MACHINES, ROOT, epoch

PROGRAM = "kubectl-podwire"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}  # as Go names machines


def manifest(version: str, digests: Mapping[str, str], below: str) -> dict[str, Any]:
    """`digests`: SHA-256 of the archives by machine; `below`: the address that they are put at."""
    platforms = [
        {
            "selector": {"matchLabels": {"os": "linux", "arch": ARCHITECTURES[machine]}},
            "uri": f"{below.rstrip('/')}/{archive_name(version, machine)}",
            "sha256": digest,
            "files": [{"from": PROGRAM, "to": "."}, {"from": "LICENSE", "to": "."}],
            "bin": PROGRAM,
        }
        for machine, digest in sorted(digests.items())
    ]
    return {
        "apiVersion": "krew.googlecontainertools.github.com/v1alpha2",
        "kind": "Plugin",
        "metadata": {"name": "podwire"},
        "spec": {
            "version": f"v{version}",
            "homepage": below,
            "shortDescription": "Find out what is wrong with the network",
            "description": "A console that finds out what is wrong with the network of a cluster,\n"
            "and a command without a terminal, `kubectl podwire check`.\n",
            "caveats": "It needs CPython 3.11 to 3.14 (python3), and nothing else.\n",
            "platforms": platforms,
        },
    }


def archive_name(version: str, machine: str) -> str:
    return f"podwire-{version}-linux-{machine}.tar.gz"


def archive(bundle: Path) -> bytes:
    """The bundle under the name of a plugin, and the licence, which krew asks for."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as files,
    ):
        for name, path, mode in (
            (PROGRAM, bundle, 0o755),
            ("LICENSE", ROOT / "LICENSE", 0o644),
        ):
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.mtime = path.stat().st_size, mode, epoch()
            with path.open("rb") as content:
                files.addfile(info, content)
    return packed.getvalue()


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("url", help="of the folder that the archives will be in")
    below = parser.parse_args().url
    digests, version = {}, ""
    for machine in MACHINES.values():
        for bundle in DIST.glob(f"podwire-*-linux-{machine}.pyz"):
            version = bundle.name.split("-")[1]
            data = archive(bundle)
            (DIST / archive_name(version, machine)).write_bytes(data)
            digests[machine] = hashlib.sha256(data).hexdigest()
    if not digests:
        sys.exit("podwire: there is no bundle in dist/: make bundle")
    text = yaml.safe_dump(manifest(version, digests, below), sort_keys=False)
    (DIST / "krew.yaml").write_text(text)
    print(f"dist/krew.yaml: {', '.join(sorted(digests))}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
