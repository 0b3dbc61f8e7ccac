"""What a rule of iptables or nftables that drops or rejects matches, as far as its text can be
read: a rule with any other condition matches nothing here.

Forms: iptables-extensions(8), nft(8).
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from functools import lru_cache
from ipaddress import ip_network
from typing import ClassVar, Literal

from collectors.events import FilterRule
from collectors.frozen import frozen
from diagnosis.addresses import inside

Verdict = Literal["drop", "reject"]
Range = tuple[int, int]
FEW = 256  # addresses of a range that is about certain ends


@frozen
class AddressTest:
    """`values` are address ranges; `negated`: none of them."""

    values: tuple[str, ...]
    negated: bool = False

    def holds(self, address: str) -> bool:
        return any(inside(address, value) for value in self.values) != self.negated

    @property
    def narrows(self) -> bool:
        return not self.negated and all(map(_is_small, self.values))


@lru_cache(2_000)
def _is_small(value: str) -> bool:
    return ip_network(value, strict=False).num_addresses <= FEW


@frozen
class FilterMatch:
    """`ports` are those of the destination, `source_ports` of the source, () for all. `by_chance`:
    it matches a share at random; `of_new`, `of_open`: connections that begin, or that go on."""

    verdict: Verdict
    protocol: str = ""
    sources: tuple[AddressTest, ...] = ()
    destinations: tuple[AddressTest, ...] = ()
    ports: tuple[Range, ...] = ()
    source_ports: tuple[Range, ...] = ()
    by_chance: bool = False
    of_new: bool = True
    of_open: bool = True


class UnreadCondition(ValueError):
    """A condition that is not known here."""


@lru_cache(2_000)
def filter_match(rule: FilterRule) -> FilterMatch | None:
    """None where something of the rule cannot be read."""
    try:
        words = shlex.split(rule.text.replace(",", ", ") if rule.backend == "nft" else rule.text)
        reader = _NftReader(words) if rule.backend == "nft" else _IptablesReader(words)
        return reader.read()
    except (UnreadCondition, ValueError, IndexError):
        return None


class _ConditionReader:
    """Conditions one after another."""

    def __init__(self, words: list[str]) -> None:
        self._words = words
        self._at = 0
        self.verdict: Verdict | None = None
        self.protocol = ""
        self.sources: list[AddressTest] = []
        self.destinations: list[AddressTest] = []
        self.ports: tuple[Range, ...] = ()
        self.source_ports: tuple[Range, ...] = ()
        self.by_chance = False
        self.states: frozenset[str] = frozenset()

    def next(self) -> str:
        self._at += 1
        return self._words[self._at - 1]

    def peek(self) -> str:
        return self._words[self._at] if self._at < len(self._words) else ""

    def condition(self, word: str) -> None:
        raise NotImplementedError

    def read(self) -> FilterMatch:
        while self._at < len(self._words):
            self.condition(self.next())
        if self.verdict is None:
            raise UnreadCondition("no verdict")
        return FilterMatch(
            verdict=self.verdict,
            protocol=self.protocol,
            sources=tuple(self.sources),
            destinations=tuple(self.destinations),
            ports=self.ports,
            source_ports=self.source_ports,
            by_chance=self.by_chance,
            of_new=not self.states or "new" in self.states,
            of_open=not self.states or "established" in self.states,
        )


def _test(values: list[str], negated: bool) -> AddressTest:
    """ValueError where one is no range of addresses."""
    for value in values:
        ip_network(value, strict=False)
    return AddressTest(tuple(values), negated)


def _protocol(word: str) -> str:
    if word.lower() not in ("tcp", "udp", "sctp", "all"):
        raise UnreadCondition(word)
    return "" if word == "all" else word.upper()


def _ranges(words: list[str], separator: str) -> tuple[Range, ...]:
    return tuple(_range(word, separator) for word in words)


def _range(word: str, separator: str) -> Range:
    first, _, last = word.partition(separator)
    return int(first), int(last or first)


class _IptablesReader(_ConditionReader):
    """What iptables-save prints after the chain."""

    MODULES = ("tcp", "udp", "comment", "statistic", "multiport", "conntrack", "state")

    def condition(self, word: str) -> None:
        negated = word == "!"
        word = self.next() if negated else word
        if word in ("-s", "-d"):
            test = _test([self.next()], negated)
            (self.sources if word == "-s" else self.destinations).append(test)
            return
        read = self._plain.get(word)
        if negated or read is None:
            raise UnreadCondition(word)
        read(self)

    def _module(self) -> None:
        if self.next() not in self.MODULES:
            raise UnreadCondition("module")

    def _of_protocol(self) -> None:
        self.protocol = _protocol(self.next())

    def _destination_ports(self) -> None:
        self.ports = _ranges(self.next().split(","), ":")

    def _source_ports(self) -> None:
        self.source_ports = _ranges(self.next().split(","), ":")

    def _states(self) -> None:
        self.states = frozenset(self.next().lower().split(","))

    def _chance(self) -> None:
        self.by_chance = True
        self.next()

    def _skipped(self) -> None:
        self.next()

    def _jump(self) -> None:
        target = self.next()
        if target not in ("DROP", "REJECT"):
            raise UnreadCondition(target)
        self.verdict = "drop" if target == "DROP" else "reject"

    _plain: ClassVar[dict[str, Callable[[_IptablesReader], None]]] = {
        "-m": _module,
        "-p": _of_protocol,
        "--dport": _destination_ports,
        "--dports": _destination_ports,
        "--sport": _source_ports,
        "--sports": _source_ports,
        "--ctstate": _states,
        "--state": _states,
        "--mode": _chance,
        "--probability": _skipped,
        "--every": _skipped,
        "--packet": _skipped,
        "--comment": _skipped,
        "--reject-with": _skipped,
        "-j": _jump,
    }


class _NftReader(_ConditionReader):
    """What `nft list ruleset` prints of a rule."""

    def condition(self, word: str) -> None:
        if word in ("drop", "reject"):
            self._verdict(word)
        elif word in ("ip", "ip6"):
            self._of_address()
        elif word in ("tcp", "udp", "sctp", "th"):
            self._of_ports(word)
        elif word in ("meta", "ct", "numgen"):
            self._of_packet(word)
        elif word == "comment":
            self._at = len(self._words)
        elif word != "counter":
            raise UnreadCondition(word)

    def _verdict(self, word: str) -> None:
        self.verdict = "drop" if word == "drop" else "reject"
        if self.peek() == "with":  # and what the error says
            while self.peek() and self.peek() != "comment":
                self.next()

    def _of_address(self) -> None:
        field = self.next()
        if field == "protocol":
            self.protocol = _protocol(self.next())
        elif field in ("saddr", "daddr"):
            negated, values = self._values()
            test = _test(values, negated)
            (self.sources if field == "saddr" else self.destinations).append(test)
        else:
            raise UnreadCondition(field)

    def _of_ports(self, word: str) -> None:
        self.protocol = self.protocol if word == "th" else word.upper()
        field = self.next()
        negated, values = self._values()
        if negated or field not in ("dport", "sport"):
            raise UnreadCondition(field)
        if field == "dport":
            self.ports = _ranges(values, "-")
        else:
            self.source_ports = _ranges(values, "-")

    def _of_packet(self, word: str) -> None:
        field = self.next()
        if (word, field) == ("meta", "l4proto"):
            self.protocol = _protocol(self.next())
        elif (word, field) == ("ct", "state"):
            self.states = frozenset(self._values()[1])
        elif word == "numgen":  # random mod 100 < 30
            self.by_chance = True
            for _ in range(4):
                self.next()
        else:
            raise UnreadCondition(field)

    def _values(self) -> tuple[bool, list[str]]:
        """Whether they are negated, and one, several by commas, or a set in braces."""
        negated = self.peek() == "!="
        if negated:
            self.next()
        values = list(self._set() if self.peek() == "{" else self._row())
        if any(value.startswith("@") for value in values):
            raise UnreadCondition("a named set")
        return negated, values

    def _row(self) -> Iterator[str]:
        while True:
            word = self.next()
            yield word.rstrip(",")
            if not word.endswith(","):
                return

    def _set(self) -> Iterator[str]:
        self.next()
        while (word := self.next()) != "}":
            yield word.rstrip(",")


@frozen
class FlowEnds:
    """A connection as rules see it."""

    protocol: str
    client: str
    server: str
    port: int


def covers(match: FilterMatch, rule: FilterRule, flow: FlowEnds, own: frozenset[str]) -> bool:
    """Whether it matches packets of a connection, in either direction. `own` are the addresses of
    the network namespace that the rule is in."""
    there = (flow.client, flow.server, match.ports, match.source_ports)
    back = (flow.server, flow.client, match.source_ports, match.ports)
    for source, destination, servers, clients in (there, back):
        if match.protocol not in ("", flow.protocol) or clients:
            continue
        if servers and not any(low <= flow.port <= high for low, high in servers):
            continue
        is_due = match.of_new if source == flow.client else match.of_open
        ends = source, destination
        if is_due and _is_between(match, *ends) and _is_on_path(rule, *ends, own):
            return bool(servers) or is_narrow(match)
    return False


def is_narrow(match: FilterMatch) -> bool:
    """Whether it is about certain ends, or drops at random: what catches all that no rule before
    it admits counts many a thing."""
    return match.by_chance or any(one.narrows for one in (*match.sources, *match.destinations))


def _is_between(match: FilterMatch, source: str, destination: str) -> bool:
    return all(one.holds(source) for one in match.sources) and all(
        one.holds(destination) for one in match.destinations
    )


def _is_on_path(rule: FilterRule, source: str, destination: str, own: frozenset[str]) -> bool:
    """Whether packets between the two come to the rule's hook there."""
    from_here, to_here = source in own, destination in own
    return {
        "input": to_here,
        "output": from_here,
        "forward": not from_here and not to_here,
        "prerouting": not from_here,
        "postrouting": not to_here,
    }.get(rule.hook, True)
