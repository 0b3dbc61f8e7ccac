"""What a command imports: the headless ones nothing of the screens, and start as quickly as they can."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
CAPTURE = ROOT / "tests" / "data" / "lab.pcap"
RECORDING = ROOT / "tests" / "data" / "session.jsonl"
NOWHERE = ("--kubeconfig", "/nonexistent")
SCREENS = ("tui", "textual", "rich")
PROGRAM = """
import sys
from cli.main import main
try:
    code = main(sys.argv[1:])
except SystemExit as end:
    code = end.code
print("code", code, file=sys.stderr)
print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""


def packages_of(*arguments: str) -> tuple[str, set[str]]:
    """The exit code of a command, and the packages that are imported when it has ended."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        check=True,
    )
    *_, code, packages = done.stderr.strip().splitlines()
    return code, set(packages.split())


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "--help"),
        ("check", *NOWHERE),
        ("policy", "--from", "a/b", "--to", "c/d", "--port", "80", *NOWHERE),
        ("doctor", *NOWHERE),
        ("clean", *NOWHERE),
        ("pcap", "-o", "jsonl", "--flows", str(CAPTURE)),
        ("report", str(RECORDING), "-o", "json"),
    ],
    ids=lambda arguments: " ".join(arguments[:3]).replace(str(ROOT), ""),
)
def test_a_headless_command_imports_no_screen(arguments: tuple[str, ...]) -> None:
    _, packages = packages_of(*arguments)
    assert "cli" in packages
    assert not packages & set(SCREENS)


def test_configuration_and_lists_import_no_library_of_screens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`config` reads keys and colours of tui, and draws nothing."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    for arguments in (("config",), ("sessions",), ("--help",)):
        _, packages = packages_of(*arguments)
        assert not packages & {"textual", "rich"}, arguments


def test_what_looks_at_files_imports_no_client_of_the_cluster() -> None:
    _, packages = packages_of("pcap", "-o", "jsonl", str(CAPTURE))
    assert not packages & {*SCREENS, "kubernetes"}
    _, packages = packages_of("check", "--from", str(RECORDING), "--from", str(CAPTURE))
    assert not packages & {*SCREENS, "kubernetes"}


def modules_of(program: str) -> list[str]:
    """What is imported when it has ended."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{program}\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        check=True,
    )
    return done.stdout.split()


def test_the_first_frame_waits_for_no_engine() -> None:
    """What diagnoses and what keeps the data is imported behind it (tui/background_imports.py)."""
    modules = modules_of("import cli.main, cli.console")
    assert "tui.app" in modules
    late = (
        "diagnosis",
        "session.store",
        "session.engine",
        "session.favourites",
        "session.share.frames",
        "collectors.capture",
        "collectors.events",
        "tui.command_line",
        "themes.contrast_figures",
        "kubernetes",
        "orjson",
        "json",
    )
    assert not [name for name in modules if name.startswith(late)]


def test_the_lists_wait_for_no_rules_and_no_recorder() -> None:
    modules = modules_of(
        "import cli.main, cli.console, cli.console_session, tui.screens.target\n"
        "import session.running_session, session.recording"
    )
    assert {"session.store", "tui.panels.flows", "session.recording"} <= set(modules)
    late = (
        "diagnosis.rule",
        "diagnosis.snapshot",
        "diagnosis.reachability.",
        "diagnosis.report",
        "collectors.capture.jsonl",
        "session.snapshot_builder",
        "tui.screens.flow",
        "tui.screens.series_detail",
        "tui.screens.text_view",
        "session.recorded_sessions",
        "collectors.recording.session_log",
        "zstandard",
        "importlib.metadata",
        "statistics",
    )
    assert not [name for name in modules if name.startswith(late)]
