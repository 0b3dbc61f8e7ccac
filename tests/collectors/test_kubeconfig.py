"""Several kubeconfig files at once, and files that are none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from collectors.cluster.api.connection import ConnectionRequest, every_context, open_cluster
from collectors.cluster.api.kubeconfig import load
from collectors.errors import ConfigError
from tests.support.fake_api import FakeApi, served


def part(path: Path, **sections: Any) -> Path:
    """A kubeconfig; `contexts` and the like have the names of what is in them."""
    document: dict[str, Any] = {"current-context": sections.pop("current", "")}
    for section, named in sections.items():
        kind = section.removesuffix("s")
        document[section] = [{"name": name, kind: value} for name, value in named.items()]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return path


async def test_a_context_of_one_file_with_the_cluster_and_user_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Paths are relative to the file that has them; the first current context is the one."""
    async with served(FakeApi(), tmp_path) as served_at:
        server = json.loads(served_at.read_text())["clusters"][0]["cluster"]["server"]
        (tmp_path / "u").mkdir()
        (tmp_path / "u" / "token").write_text("t\n")
        files = [
            part(
                tmp_path / "c" / "one", current="a", contexts={"a": {"cluster": "x", "user": "y"}}
            ),
            tmp_path / "missing",
            part(
                tmp_path / "two",
                current="b",
                clusters={"x": {"server": server}},
                contexts={
                    "b": {"cluster": "x", "namespace": "shop"},
                    "a": {"cluster": "nobody's", "user": "nobody"},
                },
            ),
            part(tmp_path / "u" / "three", users={"y": {"tokenFile": "token"}}),
        ]
        monkeypatch.setenv("KUBECONFIG", ":".join(["", *map(str, files), ""]))
        assert every_context(None) == ["a", "b"]
        cluster = await open_cluster(ConnectionRequest())
        assert (cluster.context, cluster.server) == ("a", server)
        assert dict(await cluster.rest.headers())["Authorization"] == "Bearer t"
        assert cluster.kubeconfig == ":".join(str(path) for path in files if path.exists())
        await cluster.close()
        other = await open_cluster(ConnectionRequest(context="b"))
        assert (other.context, other.namespace) == ("b", "shop")
        await other.close()


def test_a_list_may_be_given_by_the_option_too(tmp_path: Path) -> None:
    one = part(tmp_path / "one", contexts={"a": {}})
    two = part(tmp_path / "two", contexts={"b": {}})
    assert every_context(f"{one}:{two}") == ["a", "b"]
    odd = part(tmp_path / "o:d", contexts={"c": {}})
    assert every_context(str(odd)) == ["c"], "a file of that name goes before a list"


def test_a_home_that_nobody_has_is_a_sentence() -> None:
    with pytest.raises(ConfigError, match="There is no kubeconfig at ~nobody-has-it/k"):
        load("~nobody-has-it/k")


@pytest.mark.parametrize(
    "text",
    [
        "a: !!bool x",
        "a: !!int ''",
        "a: !!timestamp x",
        "a: 2020-13-45",
        f"a: {'1' * 5000}",
        f"a: {'[' * 5000}{']' * 5000}",
        "a: !!python/object:os.system x",
        "{[1]: 2}",
        "a: \x00",
        "- [",
    ],
)
def test_what_is_no_yaml_is_a_sentence(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    try:
        found = load(str(path))
    except ConfigError as error:
        assert str(error).startswith(f"The kubeconfig {path} is not YAML: ")
    else:
        assert not found.contexts and text.startswith("a: [["), "deep lists are YAML"


@pytest.mark.parametrize(
    "sections",
    [
        {"contexts": 3},
        {"contexts": [3]},
        {"contexts": [{"name": 3}]},
        {"clusters": [{"name": "c", "cluster": []}]},
        {"users": {"a": 1}},
        {"current-context": ["x"]},
        {"current-context": {"x": 1}, "contexts": []},
    ],
)
def test_what_has_another_form_is_a_sentence(sections: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(json.dumps(sections))
    with pytest.raises(ConfigError, match=r"kubeconfig"):
        load(str(path)).context(None)
