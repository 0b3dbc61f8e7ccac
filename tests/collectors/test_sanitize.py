"""Nothing that could act on a terminal passes."""

import unicodedata

from hypothesis import given, strategies as st

from collectors.sanitize import LIMIT, sanitize, sanitize_bytes

ANY = st.text(st.characters(codec=None, exclude_categories=()), max_size=600)


def harmless(text: str) -> bool:
    return all(unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in text)


@given(ANY)
def test_no_control_or_invisible_character_is_left(text: str) -> None:
    assert harmless(sanitize(text))


def test_every_character_there_is() -> None:
    left = [hex(code) for code in range(0x110000) if not harmless(sanitize(chr(code)))]
    assert left == []


@given(ANY)
def test_twice_is_once(text: str) -> None:
    assert sanitize(sanitize(text)) == sanitize(text)


@given(st.binary(max_size=3000))
def test_bytes_are_harmless_too(data: bytes) -> None:
    assert harmless(sanitize_bytes(data))


def test_what_is_unsafe_stays_visible() -> None:
    assert sanitize("a\x1b]0;x\x07b") == "a␛]0;x␇b"
    assert sanitize("x\u202eevil") == "x⟨202E⟩evil"
    assert sanitize("\x9b31m") == "⟨009B⟩31m"
    assert sanitize("plain [/] text") == "plain [/] text"


def test_long_text_ends_in_an_ellipsis() -> None:
    assert len(sanitize("x" * 10_000)) == LIMIT
    assert sanitize("x" * 10_000).endswith("…")
