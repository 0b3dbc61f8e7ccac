"""What PyYAML raises for text that is not YAML. Its constructors do not check what they are given:
`!!bool x` is a KeyError, `!!int ''` an IndexError, `!!timestamp x` an AttributeError, 2020-13-45 a
ValueError (PyYAML 6, constructor.py)."""

from __future__ import annotations

import yaml

YAML_ERRORS = (
    yaml.YAMLError,
    ValueError,
    LookupError,
    AttributeError,
    TypeError,
    RecursionError,
)
