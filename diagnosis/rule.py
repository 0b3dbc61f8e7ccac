"""What a rule declares of itself."""

from __future__ import annotations

CONVENTION = "a convention, not from a source"
