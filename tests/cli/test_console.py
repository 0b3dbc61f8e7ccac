"""Consoles one after the other, each of another context: what is left, said and kept between them."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from cli import console
from cli.config import Config
from cli.exit_codes import LEFT_BEHIND
from cli.parser import parser
from collectors.errors import ClusterError
from collectors.terminal_owner import TerminalOwner
from tests.support.fake_api import FakeApi, served
from tui.app import OpenConsole
from tui.command_keys import ContextSwitch
from tui.look import TerminalLook

LEFT = "pod podwire-x in namespace default may be left: `podwire clean` removes it."


class ScriptedApp:
    """In place of the screen: what it opens is noted, and it goes on as the script says."""

    script: list[ContextSwitch | None]
    opened: list[OpenConsole]
    places: list[str]
    left: list[str]

    def __init__(
        self, opening: Callable[[], Awaitable[OpenConsole]], name: str, look: TerminalLook
    ) -> None:
        self._opening = opening
        self.theme = look.theme
        self.failed, self.return_code = None, 0
        self.switch_to: ContextSwitch | None = None

    async def run_async(self, mouse: bool) -> None:
        opened = await self._opening()
        assert TerminalOwner.ours and opened.control.cluster is not None
        cluster = opened.control.cluster.cluster
        self.opened.append(opened)
        self.places.append(f"{cluster.context} {cluster.namespace}".strip())
        opened.control.left_behind += self.left
        self.switch_to = self.script.pop(0)


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> type[ScriptedApp]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    ScriptedApp.opened, ScriptedApp.places, ScriptedApp.left = [], [], []
    monkeypatch.setattr(console, "PodwireApp", ScriptedApp)
    return ScriptedApp


def several(path: Path) -> Path:
    """Three contexts: two of that server, one of a server that is not there."""
    config = json.loads(path.read_text())
    config["clusters"].append({"name": "gone", "cluster": {"server": "http://127.0.0.1:1"}})
    config["contexts"] += [
        {"name": "other", "context": {"cluster": "c", "user": "u", "namespace": "bank"}},
        {"name": "dead", "context": {"cluster": "gone", "user": "u"}},
    ]
    path.write_text(json.dumps(config))
    return path


async def left_with(path: Path, *arguments: str) -> int:
    options = parser().parse_args(["--kubeconfig", str(path), "--no-record", *arguments])
    return await console._run(options, Config(), TerminalLook(), None)


async def test_a_context_is_opened_after_the_one_before_was_left(
    app: type[ScriptedApp], tmp_path: Path
) -> None:
    app.script = [ContextSwitch("other"), ContextSwitch("c", ""), None]
    async with served(FakeApi(), tmp_path) as path:
        assert await left_with(several(path), "-n", "web") == 0
    assert app.places == ["c web", "other bank", "c"]
    assert all(one.control.stream.published for one in app.opened)
    assert [sorted(one.contexts()) for one in app.opened if one.contexts] == [
        ["c", "dead", "other"]
    ] * 3
    assert not TerminalOwner.ours


async def test_what_was_left_behind_is_said_in_the_next_and_at_the_end(
    app: type[ScriptedApp], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app.script, app.left = [ContextSwitch("other"), None], [LEFT]
    async with served(FakeApi(), tmp_path) as path:
        assert await left_with(several(path)) == LEFT_BEHIND
    assert app.opened[0].notes == () and tuple(app.opened[1].notes) == (LEFT,)
    assert capsys.readouterr().err.count(LEFT) == 2


async def test_one_that_cannot_be_opened_leads_back(
    app: type[ScriptedApp], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app.script = [ContextSwitch("dead"), ContextSwitch("nowhere"), None]
    async with served(FakeApi(), tmp_path) as path:
        assert await left_with(several(path), "-n", "web") == 0
    assert app.places == ["c web"] * 3
    notes = [note for one in app.opened for note in one.notes]
    assert "127.0.0.1:1 cannot be reached" in notes[0] and "no context 'nowhere'" in notes[1]
    assert all(note.endswith("This is the context that you left.") for note in notes)
    assert "cannot be reached" in capsys.readouterr().err


async def test_the_same_again_that_cannot_be_opened_is_an_error(
    app: type[ScriptedApp], tmp_path: Path
) -> None:
    app.script = [ContextSwitch("c", "web")]
    api = FakeApi()
    async with served(api, tmp_path) as path:
        several(path)

        def leave(self: Any) -> None:
            api.failing.add("/version")

        original = app.run_async

        async def run(self: ScriptedApp, mouse: bool) -> None:
            await original(self, mouse)
            leave(self)

        app.run_async = run  # type: ignore[method-assign]
        try:
            with pytest.raises(ClusterError, match="answered 500"):
                await left_with(path)
        finally:
            app.run_async = original  # type: ignore[method-assign]


async def test_a_file_of_a_recording_is_of_one_context(
    app: type[ScriptedApp], tmp_path: Path
) -> None:
    app.script = [ContextSwitch("other"), None]
    record = tmp_path / "seen.jsonl"
    async with served(FakeApi(), tmp_path) as path:
        assert await left_with(several(path), "--record", str(record)) == 0
    assert "ends with the context that you left" in app.opened[1].notes[0]
    text = record.read_text(errors="replace")
    assert '"c"' in text and '"other"' not in text
