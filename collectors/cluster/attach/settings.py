"""What podwire brings to a cluster: image, pull policy, where node pods go. Names are checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field

from collectors.errors import ConfigError
from collectors.frozen import frozen
from collectors.sanitize import sanitize

IMAGE = "nicolaka/netshoot"
IMAGE_ARCHITECTURES = ("amd64", "arm64")  # of that image
PULL_POLICIES = ("Always", "IfNotPresent", "Never")
# distribution/reference: [domain[:port]/]path[:tag][@digest]
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_HOST_PART = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_DOMAIN = rf"(?:{_HOST_PART}(?:\.{_HOST_PART})*|\[[0-9a-fA-F:]+\])"
# Texts, since re keeps what it compiled: most consoles have the image's default, and check nothing.
_IMAGE = (
    rf"(?a:(?:{_DOMAIN}(?::[0-9]+)?/)?{_COMPONENT}(?:/{_COMPONENT})*(?::[\w][\w.-]{{0,127}})?"
    r"(?:@[a-z0-9]+(?:[+._-][a-z0-9]+)*:[0-9a-fA-F]{32,})?)"
)
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = rf"{_LABEL}(?:\.{_LABEL})*"


@frozen
class AttachSettings:
    """`images` replaces `image` on nodes of an architecture.

    `node_namespace` '' lets podwire find one.
    """

    image: str = IMAGE
    images: Mapping[str, str] = field(default_factory=dict)
    pull_policy: str = "IfNotPresent"
    pull_timeout_s: float = 120.0
    pull_secrets: tuple[str, ...] = ()
    node_namespace: str = ""
    end_on_leave: bool = False  # end the processes of debug containers, too
    yes: bool = False
    read_only: bool = False

    def __post_init__(self) -> None:
        for image in (self.image, *self.images.values()):
            if image != IMAGE and (not re.fullmatch(_IMAGE, image) or len(image) > 512):
                raise ConfigError(
                    f"{sanitize(image, 120)!r} is not the name of an image, as "
                    "registry/name:tag@digest."
                )
        if self.pull_policy not in PULL_POLICIES:
            raise ConfigError(
                f"{sanitize(self.pull_policy, 40)!r} is not a pull policy; "
                f"known are {', '.join(PULL_POLICIES)}."
            )
        if not 1 <= self.pull_timeout_s <= 3600:
            raise ConfigError("The pull timeout must be 1 to 3600 seconds.")
        if self.node_namespace and not re.fullmatch(_LABEL, self.node_namespace):
            raise ConfigError(
                f"{sanitize(self.node_namespace, 80)!r} is not the name of a namespace."
            )
        for name in self.pull_secrets:
            if not re.fullmatch(_NAME, name):
                raise ConfigError(f"{sanitize(name, 80)!r} is not the name of a pull secret.")

    def image_for(self, architecture: str) -> str:
        """The image for a node of that architecture ('' where it is not known)."""
        return self.images.get(architecture, self.image)

    def lacks(self, architecture: str) -> bool:
        """Whether it is certain that there is no image for that architecture."""
        image = self.image_for(architecture)
        return (
            bool(architecture)
            and image.split(":")[0].split("@")[0] == IMAGE
            and (architecture not in IMAGE_ARCHITECTURES)
        )
