"""Two distributions whose packages are called as podwire's are: python3 tools/strangers.py FOLDER

For tools/roots.sh: whichever is installed first, none of them overwrites a file of another's.
"""

from __future__ import annotations

import sys
from pathlib import Path
from zipfile import ZipFile

DISTRIBUTIONS = {"before": ("cli", "session"), "after": ("collectors", "tui")}


def wheel(folder: Path, name: str, packages: tuple[str, ...]) -> Path:
    """A wheel (PEP 427) of packages that say whose they are."""
    info = f"{name}-1.dist-info"
    files = {
        **{f"{package}/__init__.py": f"OWNER = {name!r}\n" for package in packages},
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in (*files, f"{info}/RECORD"))
    made = folder / f"{name}-1-py3-none-any.whl"
    with ZipFile(made, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return made


def main() -> int:
    for name, packages in DISTRIBUTIONS.items():
        wheel(Path(sys.argv[1]), name, packages)
    return 0


if __name__ == "__main__":
    sys.exit(main())
