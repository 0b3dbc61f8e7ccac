"""Secrets in text, by the forms that they have: what is handed on has `‹hidden›` in their place.

The kinds are in secrets.toml. Text of several lines may have become one line before
(collectors/sanitize.py), and a command that was run is its words without their quotes.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from collectors.secrets import HIDDEN, redact

TABLE = Path(__file__).with_name("secrets.toml")
MOST_OF_ONE = 16  # secrets of one kind behind one command
LONG_WORDS = (  # of a password, wherever they stand in a name
    *("password", "passwd", "pass[ _-]?phrase", "passcode", "passwort", "kennwort", "wachtwoord"),
    *("mot[ _-]?de[ _-]?passe", "contrase[nñ]a", "palavra-?passe", "lösenord", "losenord"),
    *("passord", "adgangskode", "kodeord", "salasana", "has[lł]o", "heslo", "jelsz[oó]"),
    *("lozinka", "parool", "slapta[zž]odis", "şifre", "sifre", "parola", "senha", "пароль"),
    *("密码", "密碼", "口令", "パスワード", "暗証番号", "비밀번호", "암호", "كلمة المرور", "סיסמה"),
)
SHORT_WORDS = (  # only as a whole part of a name
    *(
        "(?<!to )(?<!not )pass(?:word|wd|phrase)?",
        "pwd",
        "pw",
        "mdp",
        "clave",
        "psk",
        "secret",
        "credentials?",
    ),
    *(
        "geheimnis",
        "token",
        "api[ _-]?key",
        "access[_-]?key",
        "secret[_-]?key",
        "private[_-]?key",
        "pre-?shared[_-]?key",
    ),
    *("encryption[_-]?key", "auth[_-]?token", "access[_-]?token", "refresh[_-]?token"),
    *("id[_-]?token", "session[_-]?token", "client[_-]?secret"),
)
BARE = (  # a comma before another assignment is no part of it, quotes behind `user:` are
    r"""(?:[^\s"'`,;<>]|,(?!\s|$|[\w.-]+[=:])|(?<=:)"[^"]*"|(?<=:)'[^']*')"""
)
VALUE = (
    rf"(?!‹)(?:\\*\"(?P<d>[^\"‹]+)(?:\"|\Z)|\\*'(?P<q>[^'‹]+)(?:'|\Z)|\\*[\"']?(?P<s>(?!‹){BARE}+))"
)
PARTS = {
    "⟨value⟩": VALUE,
    "⟨word⟩": "|".join((*LONG_WORDS, *SHORT_WORDS)),
    "⟨long⟩": f"(?:{'|'.join(LONG_WORDS)})",
}
INVISIBLE = re.compile(  # as they are, or as collectors/sanitize.py shows them
    r"[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]"
    r"|⟨(?:AD|34F|61C|180E|20[0-6][0-9A-F]|FE0[0-9A-F]|FEFF)⟩"
)
BEFORE_OPTION = r"[^|\n␊]{0,400}?\s"
Kind = tuple[str, re.Pattern[str]]


@cache
def kinds() -> tuple[Kind, ...]:
    """(what it is called, its pattern), in the order in which they are looked for."""
    table = tomllib.loads(TABLE.read_text("utf-8"))
    rows = [(row["kind"], row["pattern"]) for row in table["secret"]]
    clients = [(row["kind"], _of_client(row)) for row in table["client"]]
    return tuple((kind, re.compile(_filled(text), re.DOTALL)) for kind, text in (*clients, *rows))


def _filled(pattern: str) -> str:
    for name, part in PARTS.items():
        pattern = pattern.replace(name, part)
    return pattern


def _of_client(row: dict[str, Any]) -> str:
    """An option's value is `glued` to it, `apart` from it, or either; `bundled`: other letters may
    be in front of its own."""
    between = r"(?:\s*=\s*|\s+)" if row.get("apart") else r"(?:\s*=\s*|\s*)"
    between = "" if row.get("glued") else rf"{between}(?!-)"
    value = f"{row.get('value', '')}⟨value⟩"
    options = "|".join(
        _option(option, is_bundled=row.get("bundled", False)) for option in row["options"]
    )
    commands = rf"(?<![\w.-])(?:{row['commands']})(?:\.exe)?(?=\s)"
    return rf"{commands}{BEFORE_OPTION}(?:{options}){between}{value}"


def _option(option: str, is_bundled: bool) -> str:
    if option.startswith("--"):
        return rf"{re.escape(option)}(?=[\s=])"
    return (
        rf"-[A-Za-z]{{0,6}}?{option[1:]}"
        if is_bundled
        else rf"{re.escape(option)}(?!assw(?:or)?d[\s=])"
    )


def without_secrets(text: str) -> str:
    """`text` with what looks like a secret, and what this process knows as one, hidden; without its
    invisible characters, where one is seen only without these."""
    hidden = _without_secrets(text)
    if (plain := INVISIBLE.sub("", hidden)) != hidden:
        return found if (found := _without_secrets(plain)) != plain else hidden
    return hidden


def _without_secrets(text: str) -> str:
    text = redact(text)
    for _, pattern in kinds():
        for _ in range(MOST_OF_ONE):
            before, text = text, pattern.sub(_hidden, text)
            if text == before:
                break
    return text


def _hidden(match: re.Match[str]) -> str:
    """The match with its secret hidden."""
    begin, end = match.span(match.lastgroup or 0)
    begin, end = begin - match.start(), end - match.start()
    return f"{match[0][:begin]}{HIDDEN}{match[0][end:]}"
