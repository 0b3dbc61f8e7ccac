"""A session that a group may join: its members, from other users, and nobody else."""

from __future__ import annotations

import asyncio
import grp
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from collectors.errors import ConfigError
from session.share import group_place
from session.share.group_place import directories, own_directory
from session.share.place import found_session, new_socket, remove_socket, shared_sessions
from tests.support.shared_session import driving, until, viewing

MINE = grp.getgrgid(os.getgid()).gr_name
NEEDS_ROOT = "only root may become another user: a second user's console is not tried"
STRANGER, MEMBER, GROUP = 40_001, 40_002, 40_003  # ids that nobody has
# as another user: what is found, and what the other end says
OTHER_USER = """
import contextlib, os, socket, sys
from pathlib import Path
from collectors.errors import ConfigError
from session.share import group_place, place
from session.share.frames import PROTOCOL, saying
common, path, uid, *groups = sys.argv[1:]
group_place.COMMON = Path(common)
os.environ["XDG_RUNTIME_DIR"] = common + "/of-" + uid
os.mkdir(os.environ["XDG_RUNTIME_DIR"], 0o700)
os.chown(os.environ["XDG_RUNTIME_DIR"], int(uid), int(uid))
os.setgroups([int(group) for group in groups])
os.setgid(int(uid))
os.setuid(int(uid))
try:
    print("found", place.found_session().stem)
except ConfigError as error:
    print(error)
try:
    joining = socket.socket(socket.AF_UNIX)
    joining.settimeout(10)
    joining.connect(path)
    with contextlib.suppress(BrokenPipeError):  # refused already
        joining.sendall(saying("join", protocol=PROTOCOL))
    print(joining.recv(300))
except OSError as error:
    print(type(error).__name__)
"""


@pytest.fixture(autouse=True)
def common(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """In place of /tmp: one that other users may enter, with a short path."""
    with tempfile.TemporaryDirectory(prefix="podwire-") as made:
        Path(made).chmod(0o755)
        monkeypatch.setattr(group_place, "COMMON", Path(made))
        (own := Path(made) / "own").mkdir(mode=0o700)
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(own))
        yield Path(made)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_modes_follow_the_group() -> None:
    listening, path = new_socket("one", MINE)
    assert mode(path) == 0o660 and mode(path.parent) == 0o750
    assert path.stat().st_gid == path.parent.stat().st_gid == os.getgid()
    assert shared_sessions() == [path] == [found_session()]
    other, private = new_socket("two")
    assert mode(private) == 0o600 and set(shared_sessions()) == {path, private}
    for one in (listening, other):
        one.close()
    remove_socket(path)
    remove_socket(private)
    assert not path.parent.exists() and private.parent.exists()


def test_a_socket_of_a_killed_console_is_removed_there_as_well() -> None:
    listening, path = new_socket("one", MINE)
    listening.close()
    assert shared_sessions() == [] and not path.exists()


def test_a_group_that_is_none_is_said() -> None:
    with pytest.raises(ConfigError, match="no group no-such-group"):
        new_socket("one", "no-such-group")


def test_a_directory_that_is_a_link_or_wider_is_not_used(common: Path) -> None:
    named = common / group_place.NAME.format(uid=os.getuid(), gid=os.getgid())
    (elsewhere := common / "elsewhere").mkdir(mode=0o750)
    named.symlink_to(elsewhere)
    with pytest.raises(ConfigError, match="cannot hold a socket"):
        own_directory(MINE)
    assert directories() == []
    named.unlink()
    assert own_directory(MINE) == named and directories() == [named]
    for wider in (0o770, 0o755, 0o751):
        named.chmod(wider)
        assert directories() == []
    named.chmod(0o777)
    assert mode(own_directory(MINE)) == 0o750  # its own user's is put right


def test_who_is_no_member_shares_with_no_group_and_leaves_nothing(
    common: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: int) -> None:
        """As the kernel answers whoever is not root and not in that group."""
        raise PermissionError

    monkeypatch.setattr(os, "fchown", refused)
    with pytest.raises(ConfigError, match="not a member of the group"):
        own_directory(MINE)
    assert [path.name for path in common.iterdir()] == ["own"]


async def test_the_same_user_joins_what_is_shared_with_a_group() -> None:
    async with driving(MINE) as driver, viewing() as viewer:
        share = driver.sharing.share
        assert share is not None and share.path.parent in directories()
        await until(lambda: len(viewer.sharing.people) == 2)
        await driver.sharing.end()
        assert not share.path.parent.exists()


@pytest.mark.skipif(os.getuid() != 0, reason=NEEDS_ROOT)
class TestOtherUsers:
    @pytest.fixture(autouse=True)
    def group(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(group_place, "group_id", lambda name: GROUP)
        monkeypatch.setattr("session.share.share.group_id", lambda name: GROUP)

    async def says(self, path: Path, common: Path, uid: int, *groups: int) -> str:
        argv = [sys.executable, "-c", OTHER_USER, str(common), str(path), str(uid)]
        done = await asyncio.to_thread(
            subprocess.run,
            [*argv, *map(str, groups)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        shutil.rmtree(common / f"of-{uid}")
        return done.stdout

    async def test_a_member_finds_it_and_is_let_in(self, common: Path) -> None:
        async with driving("sre") as driver:
            share = driver.sharing.share
            assert share is not None and share.path.stat().st_gid == GROUP
            said = await self.says(share.path, common, MEMBER, GROUP)
            assert f"found {share.path.stem}" in said and '"say":"state"' in said
            await until(lambda: any(f"uid {MEMBER}" in line.text for line in driver.store.log))
            assert share.refused == 0

    async def test_a_stranger_does_not_even_reach_it(self, common: Path) -> None:
        async with driving("sre") as driver:
            share = driver.sharing.share
            assert share is not None
            said = await self.says(share.path, common, STRANGER)
            assert "No session is shared with you here" in said and "PermissionError" in said
            assert f"of root with the group {GROUP}, which this process is not in" in said

    async def test_a_stranger_who_reaches_it_is_refused_by_the_kernels_word(
        self, common: Path
    ) -> None:
        async with driving("sre") as driver:
            share = driver.sharing.share
            assert share is not None
            share.path.parent.chmod(0o755)
            share.path.chmod(0o666)
            said = await self.says(share.path, common, STRANGER, 40_004)
            assert "found" not in said and "not let in: another user" in said
            assert "or a member of sre may join" in share.last_refusal
            assert [person.number for person in driver.sharing.people] == [0]

    async def test_what_is_not_shared_with_a_group_lets_no_member_in(self, common: Path) -> None:
        async with driving() as driver:
            share = driver.sharing.share
            assert share is not None
            for path, wide in ((common / "own", 0o755), (common / "own/podwire", 0o755)):
                path.chmod(wide)
            share.path.parent.chmod(0o755)
            share.path.chmod(0o666)
            said = await self.says(share.path, common, MEMBER, GROUP)
            assert "found" not in said and "only the one who shares may join" in said
