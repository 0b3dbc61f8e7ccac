"""Texts of manifests: what people give with -f."""

from __future__ import annotations

from pathlib import Path

import pytest

from collectors import manifests
from collectors.errors import ConfigError

NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: NAME}\n"


def test_a_byte_order_mark_of_a_later_document(tmp_path: Path) -> None:
    """As files have it that were joined."""
    path = tmp_path / "joined.yaml"
    parts = [f"\ufeff{NAMESPACE.replace('NAME', name)}" for name in ("shop", "data")]
    path.write_text("---\n".join(parts))
    assert sorted(row.name for row in manifests.read([path]).rows["namespaces"]) == ["data", "shop"]


@pytest.mark.parametrize("url", ["https://example.com/a.yaml", "http://example.com/b"])
def test_a_url_is_not_loaded(url: str) -> None:
    with pytest.raises(ConfigError, match=f"{url} is a URL, and podwire loads none"):
        manifests.read([Path(url)])
