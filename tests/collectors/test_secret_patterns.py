"""What looks like a secret is hidden, and what does not stays as it is."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from collectors.privacy.secret_patterns import kinds, without_secrets
from collectors.secrets import HIDDEN
from tests.support.secrets import PLANTED, planted

ROOT = Path(__file__).parent.parent.parent
INNOCENT = (
    "TcpExtSyncookiesSent 5",
    "net.ipv4.tcp_rmem = 4096 131072 6291456",
    "the password authentication failed",
    "iptables -p tcp --dport 8080 -j DROP",
    "ss -tinp state established",
    "nsenter -n -p -t 4242 tcpdump -ni any port 53",
    "svc/shop/backend:80: SYNs are not answered",
    "10.96.0.10:53 answers in 12 ms; 3 of 4",
    "Pod shop/frontend-58cc45b5bc-r8thp, uid 6c1f8a52-92b9-4ec1-a1ce-0a4f9d3e2b11",
    "SHA-256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "fe80::1%eth0 is the router of 2001:db8::/32",
    "kubectl -n shop get pods -o wide",
    "basic checks passed",
    "bearer of bad news",
    "docker run -p 8080:80 web; curl -k https://web",
    "curl -sS -o /dev/null -w %{http_code} http://web",
    "tcpdump -ni eth0 -w out.pcap and ping -w 5 web",
    "ssh -p 2222 node; mkdir -p /a; mysql -h db -P 3306 -u root",
    "openssl s_client -connect web:443 -key a.pem",
    "docker run -u 1000:1000 web and nc -u web:53",
    "the password is wrong; passwords are refused",
    "the password for db-1 is refused; the token of pod web-1 is old",
    "/usr/local/share/Certificates2/Shop/web/ and e3b0c44298fc1c149afbf4c8996fb92427ae41e4",
    'x ⟨200B⟩ y, Signature of "web"',
    "http 503 of web, uname -a says 6.1",
    "automountServiceAccountToken: false, password: null",
    "the cookie is set; bypass=1; password of pod/shop/web-123456; image:1.2@sha256:abc",
    "ldapsearch -x -s sub -b dc=x; curl -fsSLo out http://web",
    "if tcp/80 is to pass: policies add up; segments do not pass: where loss is",
    "net.core.somaxconn = 4096, ss -u",
    "pod/shop/ops-tools-7d9f8c6b5-abcde and gloo-gateway-7d9f8c6b5-x2k4f",
    "auth: enabled, AUTH failed, Digest: sha256:e3b0c44298fc1c149afbf4c8996fb924",
    "x-request-id: 8f14e45fceea167a5a36dedd4bea2543, host_key: /etc/ssh/key",
    "session 20261128T091905-12345 of <b>web</b>, key: app.kubernetes.io/name value: web",
    "/var/lib/kubelet/pods/0a1b2c3d-1111-2222-3333-444455556666/volumes/kubernetes.io~projected",
    "MIIB is short, eyJ as well; secrets/web-tls is mounted; login user bob",
)


def test_at_least_thirty_kinds_are_tried() -> None:
    assert len(PLANTED) >= 190 and len(kinds()) >= 90
    assert f"all {len(kinds())} kinds" in (ROOT / "docs" / "report.md").read_text()


@pytest.mark.parametrize(("text", "secret"), planted())
def test_a_secret_is_hidden(text: str, secret: str) -> None:
    clean = without_secrets(text)
    assert secret not in clean and HIDDEN in clean
    assert without_secrets(clean) == clean, "hiding twice changes nothing"


def test_all_secrets_of_one_command_are_hidden() -> None:
    text = without_secrets("curl -b sid=aaa1 -U me:bbb2 -u you:ccc3 http://api --cookie 'ddd4 e'")
    assert not [secret for secret in ("aaa1", "bbb2", "ccc3", "ddd4 e") if secret in text]
    keys = without_secrets("ssh-keygen -t rsa -N 'aaa1' -P 'bbb2'")
    assert keys == f"ssh-keygen -t rsa -N '{HIDDEN}' -P '{HIDDEN}'"
    assert text.endswith(f"http://api --cookie '{HIDDEN}'"), "what is around them stays"


@pytest.mark.parametrize("piece", ["curl -x mysql http a_a-", "x-a-", "a.", "<password ", "cf-"])
def test_many_options_are_no_long_wait(piece: str) -> None:
    begin = time.process_time()
    without_secrets((piece * 9_200)[:9_200])
    assert time.process_time() - begin < 5.0


@pytest.mark.parametrize("text", INNOCENT)
def test_what_is_no_secret_stays(text: str) -> None:
    assert without_secrets(text) == text
