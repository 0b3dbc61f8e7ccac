"""Tests of what reads dumps of netlink as compiled code."""

from __future__ import annotations

import pytest

from collectors import dumps

needs_core = pytest.mark.skipif(bool(dumps.WHY_PURE), reason=f"no compiled dumps: {dumps.WHY_PURE}")
