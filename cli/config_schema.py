"""The JSON schema of the configuration, made from the table of settings: editors complete and check
by it."""

from __future__ import annotations

from typing import Any

from cli import config_tables as tables
from cli.settings import MOST, SETTINGS, Setting
from tui.actions import ACTIONS
from tui.keymap import written

DRAFT = "https://json-schema.org/draft/2020-12/schema"
TYPES: dict[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "switch": {"type": "boolean"},
    "number": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": MOST},
    "texts": {"type": "array", "items": {"type": "string"}},
    "names": {"type": "object", "additionalProperties": {"type": "string"}},
}
COLOUR = {"type": "string", "pattern": "^#[0-9a-fA-F]{6}$"}
THRESHOLDS = {
    "description": "thresholds of rules, by `rule.name`: docs/rules.md",
    "type": "object",
    "additionalProperties": {
        "type": ["number", "object"],
        "additionalProperties": {"type": "number"},
    },
}
KEYS = {"type": ["string", "array"], "items": {"type": "string"}, "minItems": 1}


def schema() -> dict[str, Any]:
    context = _table({one.name: _of(one) for one in SETTINGS if one.of_context})
    settings = {one.name: _of(one) for one in SETTINGS}
    contexts = {
        "description": "settings of one context, by its name in the kubeconfig",
        "type": "object",
        "additionalProperties": context,
    }
    tables_of_console = {"colours": _colours(), "keys": _keys()}
    return {
        "$schema": DRAFT,
        "title": "podwire's configuration",
        **_table({**settings, **tables_of_console, "thresholds": THRESHOLDS, "contexts": contexts}),
    }


def _colours() -> dict[str, Any]:
    return _table(
        {name: {"description": where, **COLOUR} for name, where in tables.COLOURS.items()}
    )


def _keys() -> dict[str, Any]:
    places: dict[str, dict[str, Any]] = {}
    for action in ACTIONS:
        default = [written(key, True) for key in action.keys]
        about = {"description": action.help, "default": default}
        places.setdefault(action.where, {})[action.setting] = {**about, **KEYS}
    return _table({place: _table(actions) for place, actions in places.items()})


def _table(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _of(setting: Setting) -> dict[str, Any]:
    choices = {"enum": list(setting.choices)} if setting.choices else {}
    about = {"description": setting.about, "default": setting.default}
    return {**about, **TYPES[setting.kind], **choices}
