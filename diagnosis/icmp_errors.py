"""What an ICMP error says, in words: RFC 792, RFC 1812 (5.2.7.1), RFC 4443 (3.1).

A filter may choose any of them: what it says is not why.
"""

from __future__ import annotations

NO_ROUTE = "no route leads there"
NO_HOST = "nobody has that address there, or a route forbids it"
FORBIDDEN = "a rule or a route forbids it"
NO_PORT = "nothing listens there, or a rule rejects it"
BY_RULE = "a rule rejects it"
IN_A_CIRCLE = "packets for it go in a circle"
# how capture.packet_summary writes them; the first that fits
SAYS = (
    ("time exceeded", IN_A_CIRCLE),
    ("prohibited", FORBIDDEN),
    ("unreachable, policy", FORBIDDEN),
    ("unreachable, reject route", FORBIDDEN),
    ("unreachable, no route", NO_ROUTE),
    ("net unreachable", NO_ROUTE),
    ("net unknown", NO_ROUTE),
    ("unreachable, address", NO_HOST),
    ("host unreachable", NO_HOST),
    ("host unknown", NO_HOST),
    ("unreachable, port", NO_PORT),
)
OF_ROUTES = (NO_ROUTE, NO_HOST, IN_A_CIRCLE)


def meaning(error: str) -> str:
    """'' where it says nothing of this kind."""
    found = next((text for words, text in SAYS if words in error), "")
    is_of_port = error.rpartition(" ")[0].rpartition(" ")[0].endswith(" port")
    return found or (NO_PORT if is_of_port and error.endswith("unreachable") else "")


def with_meaning(error: str, *, on_the_path: bool = False) -> str:
    """The error, and what it means, in brackets: `(ICMP …: no route leads there)`. What is on the
    path has no port of its own that it could mean."""
    says = meaning(error)
    says = BY_RULE if says == NO_PORT and on_the_path else says
    return f"({error or 'ICMP'}{f': {says}' if says else ''})"
