"""podwire's one name among installed packages.

In a wheel its packages (cli, collectors, …) lie inside of this one, where no other distribution has
files. They are imported by the names that they have in the repository: importing podwire puts
their folder first on the path (docs/install.md says why).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

PACKAGES = ("cli", "collectors", "diagnosis", "lab", "session", "themes", "tui")
_HERE = Path(__file__).parent
ROOT = _HERE if (_HERE / "cli").is_dir() else _HERE.parent  # in a wheel, in the repository
USAGE = 2  # as cli.exit_codes has it, which may be somebody else's


def _strangers() -> Iterator[str]:
    """Modules of other distributions that were imported by names of podwire's packages."""
    for name in PACKAGES:
        module = sys.modules.get(name)
        place = getattr(module, "__file__", None) or "an unknown place"
        if module is not None and not Path(place).is_relative_to(ROOT):
            yield f"{name} of {place}"


def put_first() -> None:
    """The packages are found before others of the same names."""
    sys.path[:] = [str(ROOT), *(place for place in sys.path if place != str(ROOT))]


def main() -> int:
    """What the programs podwire and kubectl-podwire run."""
    if strangers := ", ".join(_strangers()):
        sys.stderr.write(
            f"podwire: it cannot start: {strangers} was imported before it, by what runs at the "
            "start of this Python (a .pth file, sitecustomize). Install podwire into an "
            "environment of its own: pipx install podwire.\n"
        )
        return USAGE
    from cli.main import main as run

    return run()


put_first()
