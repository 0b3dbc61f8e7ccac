"""Plain scalars of YAML as kubectl reads them: goyaml v2's rules, that is YAML 1.1 without
timestamps and sexagesimal numbers (sigs.k8s.io/yaml, goyaml.v2/resolve.go)."""

from __future__ import annotations

import re

Scalar = str | int | float | bool | None
WORDS: dict[str, Scalar] = {
    **dict.fromkeys(
        ("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True
    ),
    **dict.fromkeys(
        ("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False
    ),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
}
_INTEGER = re.compile(r"[-+]?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+\.")
LONGEST_NUMBER = 64  # characters; longer ones stay text
STANDARD = "tag:yaml.org,2002:"


def resolved(text: str) -> Scalar:
    """The value of a scalar without quotes or tag."""
    if text in WORDS:
        return WORDS[text]
    if text[0] not in "+-.0123456789" or len(text) > LONGEST_NUMBER:
        return text
    digits = text.replace("_", "")
    if _INTEGER.fullmatch(digits):
        return _integer(digits)
    return float(digits) if _FLOAT.fullmatch(digits) else text


def _integer(digits: str) -> int:
    """Of YAML 1.1: octal begins with 0."""
    number = digits.lstrip("+-")
    sign = digits.removesuffix(number)
    if len(number) > 1 and number[0] == "0" and number[1] in "01234567":
        number = f"0o{number[1:]}"
    return int(sign + number, 0)


def tagged(tag: str, text: str) -> Scalar:
    """The value of a scalar with an explicit tag. ValueError where the tag is not one of JSON's."""
    kind = tag.removeprefix(STANDARD)
    if kind == "str":
        return text
    if kind not in TAGS:
        raise ValueError(f"the tag {tag} has no meaning in a manifest")
    value = resolved(text)
    if not isinstance(value, TAGS[kind]) or (isinstance(value, bool) and kind != "bool"):
        raise ValueError(f"what is tagged !!{kind} is not one")
    return value


TAGS: dict[str, type | tuple[type, ...]] = {
    "null": type(None),
    "bool": bool,
    "int": int,
    "float": (int, float),
}


def key_text(value: Scalar) -> str:
    """A key as JSON has it: text, as kubectl converts numbers and booleans."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else str(value)
