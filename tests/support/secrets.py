"""Secrets that were never anybody's, a row a kind: a text, and the part of it that must not leave.

Those with a well-known prefix are joined here, so that no scanner of repositories reports them.
"""

from __future__ import annotations

A, B, C = "abcdefghij", "ABCDEFGHIJ", "0123456789"
LONG = A + C + B + A
PEM = f"MIIEvQIBADANBg{LONG}{LONG}"
JWT = f"ey{'J'}hbGciOiJIUzI1NiJ9.ey{'J'}zdWIiOiIxMjM0NTY3ODkwIn0.{LONG}"

PLANTED: tuple[tuple[str, str], ...] = (
    ("GET / HTTP/1.1 Authorization: Digest username=u, response={}", f"resp-{A}"),
    ("proxy-authorization: Basic {}", "dXNlcjpodW50ZXIyMTIz"),
    ("Cookie: sid={}; theme=dark", f"sid-{LONG}"),
    ("Set-Cookie: session={}; HttpOnly", f"sess-{LONG}"),
    ("the client sent Bearer {} again", f"opaque.{LONG}"),
    ("basic {} was refused", "dXNlcjpodW50ZXIyMTIz"),
    ("X-Api-Key: {}", f"k-{LONG}"),
    ("x-vault-token={}", f"v-{LONG}"),
    ("pulled from https://deploy:{}@registry.example/v2", f"pw-{A}"),
    ("redis://:{}@cache:6379/0", f"pw-{B}"),
    ("GET /blob?sig={}&se=1", f"sg-{LONG}"),
    ("presigned ?X-Amz-Signature={}", f"{C}{A}"),
    ("claims {} expired", JWT),
    ("key id {}", f"AK{'IA'}{B}{C[:6]}"),
    ("aws_secret_access_key = {}", f"{A}/{B}+{C}{A}"),
    ("maps key {}", f"AI{'za'}Sy{LONG}"),
    ("oauth {}", f"ya{'29.'}{LONG}"),
    ("cloned with {}", f"gh{'p_'}{LONG}"),
    ("cloned with {}", f"github_{'pat_'}{LONG}"),
    ("runner {}", f"gl{'pat-'}{LONG}"),
    ("bot {}", f"xo{'xb-'}123456789012-{LONG}"),
    ("post to https://hooks.slack.com/services/{}", f"T000/B000/{LONG}"),
    ("charge with {}", f"sk_{'live_'}{LONG}"),
    ("publish {}", f"np{'m_'}{LONG}"),
    ("upload {}", f"py{'pi-'}{LONG}"),
    ("docker login {}", f"dckr_{'pat_'}{LONG}"),
    ("mail {}", f"S{'G.'}{A}{C}{B}.{LONG}"),
    ("AccountKey={}", f"{LONG}=="),
    ("droplet {}", f"dop_{'v1_'}{'0123456789abcdef' * 4}"),
    ("vault {}", f"hv{'s.'}{LONG}"),
    ("join with {}", f"abc{'def.'}0123456789abcdef"),
    ("client-key-data: {}", PEM),
    ("user token: {}", f"tok-{LONG}"),
    ("-----BEGIN RSA PRIVATE KEY-----␊{}␊-----END RSA PRIVATE KEY-----", PEM),
    ("-----BEGIN OPENSSH PRIVATE KEY-----\n{}", PEM),
    ("mysql -h db -u root -p{} shop", f"hunter-{A}"),
    ("psql --password {} shop", f"hunter-{B}"),
    ("PGPASSWORD={} psql", f"hunter-{C}"),
    ("curl -s -u admin:{} http://api", f"hunter-{LONG}"),
    ("sshpass -p {} ssh node", f"hunter.{LONG}"),
    ('{{"password": "{}"}}', f"hunter_{LONG}"),
    ("redis-cli -h cache -a {}", f"hunter2{LONG}"),
    ("hash {}", f"$2b$10${LONG}"),
    ("model {}", f"sk-{'ant-'}{LONG}"),
    ("hub {}", f"hf{'_'}{LONG}"),
    ("AGE {}", f"AGE-SECRET-{'KEY-1'}{B}{B}{B}"),
)


def planted() -> list[tuple[str, str]]:
    """(text, secret)."""
    return [(text.format(secret), secret) for text, secret in PLANTED]
