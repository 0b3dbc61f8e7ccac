"""What could not be read of a cluster: a verdict that it could change is not known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from collectors.frozen import frozen

POLICIES, FOREIGN = "networkpolicies", "foreignpolicies"
DECIDING = ("pods", "nodes", "namespaces", "services", "endpointslices", POLICIES, FOREIGN)
NAMES = {
    POLICIES: "NetworkPolicies",
    FOREIGN: "policies of other APIs",
    "endpointslices": "EndpointSlices",
    "services": "Services",
}


@frozen
class BlindSpot:
    """A kind of object that could not be listed, why, and the namespaces of which it was listed
    all the same."""

    kind: str
    reason: str
    read_namespaces: frozenset[str] = frozenset()
    malformed: bool = False  # one object that is not of its API's shape, as the reason says

    @property
    def name(self) -> str:
        return NAMES.get(self.kind, self.kind)

    @property
    def text(self) -> str:
        """A sentence without its full stop."""
        if self.malformed:
            return self.reason
        if self.read_namespaces:
            listed = ", ".join(sorted(self.read_namespaces))
            return f"{self.name} were listed in namespace {listed} only: {_bare(self.reason)}"
        return f"{self.name} could not be listed: {_bare(self.reason)}"


def _bare(reason: str) -> str:
    return reason.rstrip(". ")


@frozen
class BlindSpots:
    """All of them."""

    spots: tuple[BlindSpot, ...] = ()

    @classmethod
    def of(cls, spots: Iterable[BlindSpot]) -> BlindSpots:
        return cls(tuple(spot for spot in spots if spot.kind in DECIDING))

    def at(self, kind: str, namespace: str = "") -> BlindSpot | None:
        """Why objects of a kind in a namespace are not known, None where they are."""
        for spot in self.spots:
            if spot.kind == kind and namespace not in spot.read_namespaces:
                return spot
        return None

    def why(self, kind: str, namespace: str = "") -> str:
        spot = self.at(kind, namespace)
        return spot.text if spot else ""


NONE = BlindSpots()


def sentences(spots: Sequence[BlindSpot]) -> list[str]:
    """What was not seen, a sentence for each kind, in the order of the kinds."""
    ordered = sorted(spots, key=lambda spot: _rank(spot.kind))
    return [f"{spot.text[0].upper()}{spot.text[1:]}." for spot in ordered]


def _rank(kind: str) -> int:
    return DECIDING.index(kind) if kind in DECIDING else len(DECIDING)
