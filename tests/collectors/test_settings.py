"""Names that the command line and the configuration give are checked before anything is sent."""

from __future__ import annotations

import pytest

from collectors.cluster.attach.settings import AttachSettings
from collectors.errors import ConfigError


@pytest.mark.parametrize(
    ("image", "good"),
    [
        ("nicolaka/netshoot", True),
        ("netshoot:v0.15", True),
        ("registry.corp:5000/team/net_shoot:1", True),
        ("registry.corp/netshoot@sha256:" + "a" * 64, True),
        ("a/b:tag@sha256:" + "0" * 64, True),
        ("[2001:db8::1]:5000/x", True),
        ("Nicolaka/Netshoot", False),
        ("netshoot; id", False),
        ("-x", False),
        ("a//b", False),
        ("", False),
        ("x:y:z", False),
        ("netshoot@sha256:abc", False),
        ("x\n", False),
    ],
)
def test_names_are_checked(image: str, good: bool) -> None:
    if good:
        assert AttachSettings(image=image).image == image
    else:
        with pytest.raises(ConfigError, match="is not the name of an image"):
            AttachSettings(image=image)
    for wrong in (
        {"pull_policy": "Sometimes"},
        {"pull_timeout_s": 0},
        {"node_namespace": "a/b"},
        {"pull_secrets": ("-",)},
    ):
        with pytest.raises(ConfigError):
            AttachSettings(**wrong)
