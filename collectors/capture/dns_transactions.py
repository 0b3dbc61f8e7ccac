"""DNS transactions and lookups: latency, repeated questions, and the chain of search domains that
one name costs.

A resolver tries a short name with each search domain in turn (resolv.conf(5), ndots): each NXDOMAIN
before the answer is a question too many. Multicast DNS is answered to a group, by name (RFC 6762).
Times are nanoseconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import islice

from collectors.capture.dns_names import NXDOMAIN, Question, code_name, plain_question, word
from collectors.capture.header_row import HeaderRow
from collectors.capture.header_rows import exchange_key

UNANSWERED_NS = 15_000_000_000  # three attempts of 5 s, resolv.conf's defaults
CHAIN_NS = 6_000_000_000  # a resolver goes on at once, or after its timeout of 5 s
MAX_PENDING = 100_000  # about 700 bytes each
LEFT_OUT_AT_ONCE = 10  # a tenth of them
MAX_CHAINS = 10_000
LOOK_NS = 100_000_000  # between two looks for late questions while questions come
KEPT = 2_000
RESPONSE, OPCODE, TRUNCATED = 0x8000, 0x7800, 0x0200  # bits of a message's flags (RFC 1035 4.1.1)
# Client, its port, server, its port and id; the question. Bytes are smaller than a tuple
Key = tuple[bytes, Question]
MULTICAST_PORT = 5353
MULTICAST_GROUPS = (bytes([224, 0, 0, 251]), bytes.fromhex("ff02" + "00" * 13 + "fb"))  # RFC 6762


class DnsTransaction:
    """A question and its answer. `rcode` is None while (or where) none came; `retries` are the same
    question again from the same port, the latest `again_at`; `tried` are names with search domains
    before this one."""

    __slots__ = (
        "again_at",
        "answered_at",
        "answers",
        "at",
        "client",
        "name",
        "over_tcp",
        "port",
        "rcode",
        "retries",
        "server",
        "tried",
        "truncated",
        "type",
    )

    def begin(self, row: HeaderRow, question: Question, over_tcp: bool) -> None:
        """What a new one is; where it is compiled, a call that costs little."""
        self.client, self.server, self.port = row.source, row.destination, row.destination_port
        self.name, self.type = question
        self.at, self.answered_at, self.again_at = row.ns, 0, 0
        self.rcode: int | None = None
        self.answers = self.retries = 0
        self.truncated, self.over_tcp = False, over_tcp
        self.tried: tuple[str, ...] = ()

    @property
    def latency(self) -> int | None:
        """From the first time that it was asked; None where the clock was set back meanwhile, or
        where packets have no time (pcapng's simple blocks)."""
        answered = self.rcode is not None and self.answered_at >= self.at > 0
        return self.answered_at - self.at if answered else None

    @property
    def outcome(self) -> str:
        return "no answer" if self.rcode is None else code_name(self.rcode)


class DnsTotals:
    """Since the start, whatever was forgotten. `left_out` are questions that waited when there
    was no room for more: what became of them is not known."""

    __slots__ = ("answered", "asked", "codes", "left_out", "retries", "truncated", "unanswered")

    def __init__(self) -> None:
        self.asked = self.answered = self.unanswered = 0
        self.retries = self.truncated = self.left_out = 0
        self.codes: dict[int, int] = {}


class DnsTracker:
    """Pairs questions and answers. `done` holds the latest transactions, in the order in which they
    ended."""

    def __init__(self, kept: int = KEPT) -> None:
        self.on_done: Callable[[DnsTransaction], None] | None = None  # called as each one ends
        self.totals = DnsTotals()
        self.done: deque[DnsTransaction] = deque(maxlen=kept)
        self.revision = 0
        self._pending: dict[Key, DnsTransaction] = {}
        self._look_at = 0  # capture time from which on the oldest may be late
        self._by_id: dict[bytes, Key] = {}  # by the first part of the key
        self._multicast: dict[Question, list[Key]] = {}
        self._chains: dict[
            tuple[bytes, str], tuple[int, tuple[str, ...]]
        ] = {}  # client, type to when and names tried

    @property
    def pending(self) -> list[DnsTransaction]:
        """Questions that have no answer yet, oldest first."""
        return list(self._pending.values())

    def add(
        self, row: HeaderRow, data: bytes, start: int, end: int, over_tcp: bool = False
    ) -> None:
        """The message that `data` has from `start` up to `end`, without what it is carried in; the
        row has the headers of its packet."""
        question = plain_question(data, start, end)
        if question is None:
            self._add_parsed(row, data[start:end], over_tcp)
            return
        identity, flags, answers = word(data, start), word(data, start + 2), word(data, start + 6)
        if flags & OPCODE:  # neither a query nor its answer
            return
        self.revision += 1
        if not flags & RESPONSE and row.destination in MULTICAST_GROUPS:
            self._add_parsed(row, data[start:end], over_tcp)
        elif not flags & RESPONSE:
            self._ask(row, identity, question, over_tcp)
        else:
            key = _answered(row, identity), question
            if key not in self._pending and row.source_port == MULTICAST_PORT:
                self._add_parsed(row, data[start:end], over_tcp)
            else:
                self._answer(key, row.ns, flags, answers)

    def _add_parsed(self, row: HeaderRow, data: bytes, over_tcp: bool) -> None:
        """A message of an unusual form: several questions, an answer without its question, names
        that only the parser reads, multicast DNS."""
        from collectors.capture.dns import parse  # here: what follows no lookups needs none of it

        message = parse(data)
        if message is None or message.opcode:
            return
        self.revision += 1
        asked = [(question.name.lower(), question.type) for question in message.questions]
        if not message.response:
            if row.destination in MULTICAST_GROUPS and any(message.counts[1:3]):
                return  # it says what it knows, or claims a name: no answer is expected (RFC 6762)
            for question in asked:
                self._ask(row, message.id, question, over_tcp)
            return
        flags, answers = message.truncated << 9 | message.rcode, message.counts[1]
        key = _answered(row, message.id)
        if row.source_port == MULTICAST_PORT and self._multicast:
            found = [(record.name.lower(), record.type) for record in message.answers]
            for name in {*asked, *found, *((name, "ANY") for name, _ in found)}:
                for waiting in self._multicast.pop(name, ()):
                    self._answer(waiting, row.ns, flags, answers)
        elif asked:
            self._answer((key, asked[0]), row.ns, flags, answers)
        elif key in self._by_id:  # an error may come without the question (RFC 1035 7.3)
            self._answer(self._by_id[key], row.ns, flags, answers)

    def _ask(self, row: HeaderRow, identity: int, question: Question, over_tcp: bool) -> None:
        ends = exchange_key(
            row.source, row.source_port, row.destination, row.destination_port, identity
        )
        key, ns = (ends, question), row.ns
        known = self._pending.get(key)
        if known is not None:
            known.retries += 1
            known.again_at = ns
            self.totals.retries += 1
            return
        self.totals.asked += 1
        if not self._pending:
            self._look_at = ns + UNANSWERED_NS
        elif ns > self._look_at:
            self.expire(ns)
        if len(self._pending) >= MAX_PENDING:  # a flood, or a clock that stops
            self._make_room()
        found = DnsTransaction.__new__(DnsTransaction)
        found.begin(row, question, over_tcp)
        if found.port == MULTICAST_PORT and found.server in MULTICAST_GROUPS:
            self._multicast.setdefault(question, []).append(key)
        else:
            self._by_id[ends] = key
        if self._chains:
            at, tried = self._chains.get((found.client, found.type), (0, ()))
            if tried and ns - at < CHAIN_NS and _same_lookup(tried, found.name):
                found.tried = tried
        self._pending[key] = found

    def _answer(self, key: Key, ns: int, flags: int, answers: int) -> None:
        found = self._pending.pop(key, None)
        if found is None:
            return
        self._forget(key)
        rcode = flags & 15
        found.answered_at, found.rcode, found.answers = ns, rcode, answers
        found.truncated = bool(flags & TRUNCATED)
        self.totals.answered += 1
        self.totals.truncated += found.truncated
        self.totals.codes[rcode] = self.totals.codes.get(rcode, 0) + 1
        chain = (found.client, found.type)
        if rcode == NXDOMAIN:
            self._chains[chain] = (ns, (*found.tried[-15:], found.name))
        elif self._chains:
            self._chains.pop(chain, None)
        if len(self._chains) > MAX_CHAINS:
            self._chains.pop(next(iter(self._chains)))
        self._end(found)

    def _forget(self, key: Key) -> None:
        ends, question = key
        self._by_id.pop(ends, None)
        waiting = self._multicast.get(question) if self._multicast else None
        if waiting and key in waiting:
            waiting.remove(key)
            if not waiting:
                del self._multicast[question]

    def _end(self, found: DnsTransaction) -> None:
        self.done.append(found)
        if self.on_done is not None:
            self.on_done(found)

    def _make_room(self) -> None:
        """Leave out those that have waited for longest."""
        oldest = list(islice(self._pending, max(1, MAX_PENDING // LEFT_OUT_AT_ONCE)))
        self.totals.left_out += len(oldest)
        for key in oldest:
            del self._pending[key]
            self._forget(key)

    def expire(self, ns: int) -> None:
        """Questions that no answer is to be awaited for any more."""
        late = []
        for key, waiting in self._pending.items():  # once: what has left costs a step each time
            if ns - waiting.at < UNANSWERED_NS:
                self._look_at = max(waiting.at + UNANSWERED_NS, ns + LOOK_NS)
                break
            late.append((key, waiting))
        for key, waiting in late:
            del self._pending[key]
            self._forget(key)
            self.totals.unanswered += 1
            self._end(waiting)


def _answered(row: HeaderRow, identity: int) -> bytes:
    """The key of the question that an answer is for."""
    return exchange_key(
        row.destination, row.destination_port, row.source, row.source_port, identity
    )


def _same_lookup(tried: tuple[str, ...], name: str) -> bool:
    """Whether a name is the next that a resolver tries after those: the same short name, with
    another search domain or with none. The short name is what all of them begin with."""
    short = _common_start(tried[-1], name)
    if not short or name == tried[-1]:
        return False
    return all(
        _common_start(earlier, name).startswith(short) or earlier.startswith(short + ".")
        for earlier in tried
    )


def _common_start(first: str, second: str) -> str:
    """The labels that two names begin with."""
    labels = []
    for one, other in zip(first.split("."), second.split("."), strict=False):
        if one != other:
            break
        labels.append(one)
    return ".".join(labels)
