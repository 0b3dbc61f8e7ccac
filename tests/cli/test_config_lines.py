"""The line of each key of a TOML file."""

from __future__ import annotations

from cli.config_lines import lines_of

TEXT = """# theme = "x"
theme = "day"

[images]
s390x = "a=b"
[contexts."a.b"]
  read_only = true  # so
contexts.c.image = 'x'
[keys.target]
capture = [
  "x",
]
"tab_1" = "f1"
"""


def test_keys_and_tables_have_a_line() -> None:
    assert lines_of(TEXT) == {
        ("theme",): 2,
        ("images",): 4,
        ("images", "s390x"): 5,
        ("contexts", "a.b"): 6,
        ("contexts", "a.b", "read_only"): 7,
        ("contexts", "a.b", "contexts"): 8,
        ("contexts", "a.b", "contexts", "c"): 8,
        ("contexts", "a.b", "contexts", "c", "image"): 8,
        ("keys", "target"): 9,
        ("keys", "target", "capture"): 10,
        ("keys", "target", "tab_1"): 13,
    }


def test_what_is_no_toml_has_none() -> None:
    assert lines_of("a b = 3\n[x y]\n= 4\n\x00") == {(): 2}
