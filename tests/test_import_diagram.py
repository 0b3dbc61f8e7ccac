"""The diagram in docs/architecture.md is that of the imports, and the imports are read as they are."""

from __future__ import annotations

import ast
from pathlib import Path

from tools.import_diagram import DOCUMENT, HERE, Arrow, arrows, imports, section, with_section


def test_the_document_has_the_diagram_of_the_imports() -> None:
    document = DOCUMENT.read_text()
    assert with_section(document, section(HERE)) == document, (
        "run: python tools/import_diagram.py --write"
    )


def test_imports_in_functions_and_for_types_are_distinguished(tmp_path: Path) -> None:
    text = (
        "from collectors.capture import pcap\n"
        "if TYPE_CHECKING:\n    from session.store import Store\n"
        "def read():\n    import yaml\n"
        "try:\n    import psutil\nexcept ImportError:\n    pass\n"
    )
    assert dict(imports(ast.parse(text))) == {
        "collectors.capture.pcap": True,
        "session.store.Store": False,
        "yaml": False,
        "psutil": True,
    }


def test_an_arrow_is_drawn_from_package_to_package(tmp_path: Path) -> None:
    for name, text in (
        ("cli/main.py", "def main():\n    from tui.screens.help import Help\n    import textual\n"),
        ("tui/screens/help.py", "from tui import app\nimport textual\nimport os\n"),
        ("tui/app.py", ""),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert arrows(tmp_path) == [
        Arrow("cli", "textual", False),
        Arrow("cli", "tui.screens", False),
        Arrow("tui.screens", "textual", True),
        Arrow("tui.screens", "tui", True),
    ]
