"""From the DNS transactions of a capture to the summary that rules look at."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import median

from collectors.capture.dns_names import NXDOMAIN, code_name
from collectors.capture.dns_transactions import DnsTransaction
from collectors.capture.flows import FlowTable
from collectors.capture.tracked_flow import RECENT_NS
from diagnosis.lookups import AbsentName, DnsSummary
from session.capture_time import capture_time
from session.conversations import address

LATE_NS = 2_000_000_000  # without an answer for so long, there will be none
LATEST_NS, FEW = 6_000_000_000, 4  # the median is of the latest answers, where there are so many
RESOLVER_TIMEOUT_MS = (4_500.0, 5_500.0)  # resolv.conf(5): 5 s by default
NAMES_SHOWN, MISSING_KEPT = 3, 20
TIMEOUT_NS, PROMPT = 800_000_000, 4  # of a resolver, 1 s at least; a fourth of it after the second
ADDRESSES, REVERSE = ("A", "AAAA"), ".arpa"
TARDY_NS = 1_000_000_000  # whoever waits notices it
AT_ONCE_NS = 1_000_000  # a packet is on all of its interfaces within microseconds
Names = dict[str, set[str]]
Question = tuple[bytes, str, str]


def summary(flows: FlowTable, until: int = 0) -> DnsSummary | None:
    """Of the 15 s before `until`, in ns, or before the last packet where that is later; None
    where no name was ever asked for."""
    table = flows.lookups
    if not table.totals.asked:
        return None
    now, until = capture_time(flows.flows, until)
    since = until - RECENT_NS
    recent = [one for one in table.done if (one.answered_at or one.at) >= since]
    answered = [one for one in recent if one.rcode is not None]
    silent = [one for one in recent if one.rcode is None]
    done = [*answered, *_without_legs(silent, answered)]
    late = _without_legs(
        [one for one in table.pending if since <= one.at < now - LATE_NS], answered
    )
    return DnsSummary(
        seconds=(now - min((one.at for one in done), default=now)) / 1e9,
        asked=len(done) + len(late),
        answered=len(answered),
        unanswered=len(done) - len(answered) + len(late),
        retried=sum(one.retries for one in (*done, *late)),
        repeated=sum(map(_is_of_the_second, answered)),
        truncated=sum(one.truncated for one in answered),
        codes=Counter(code_name(one.rcode) for one in answered if one.rcode is not None),
        searched=sum(len(one.tried) >= 2 for one in answered),
        median_ms=_median_ms(answered, now),
        late=sum(_is_a_timeout_late(one) for one in answered),
        names=_most_missing(answered),
        missing=_missing(answered),
        absent=tuple(_absent(answered)),
        servers=tuple(dict.fromkeys(address(one.server) for one in (*done, *late))),
        cut_off=_cut_off([*(one for one in done if one.rcode is None), *late], answered),
        legs=_legs(answered),
        tardy=sum(map(_is_tardy, answered)),
    )


def _cut_off(
    silent: Iterable[DnsTransaction], answered: Iterable[DnsTransaction]
) -> Mapping[str, int]:
    """By the server that was asked: not of one that answers nobody."""
    served = {(one.client, one.server) for one in answered}
    answering = {server for _, server in served}
    ends = Counter((one.client, one.server) for one in silent)
    return {
        address(client): count
        for (client, server), count in ends.items()
        if server in answering and (client, server) not in served
    }


def _is_tardy(one: DnsTransaction) -> bool:
    return not one.retries and (one.latency or 0) >= TARDY_NS


def _without_legs(
    silent: Sequence[DnsTransaction], answered: Iterable[DnsTransaction]
) -> list[DnsTransaction]:
    """Without those that are a leg of a question that was answered: where a packet is masqueraded
    between a pod's port and the bridge, a capture on the node has the question there alone, to
    the endpoint instead of the Service."""
    asked: dict[Question, list[DnsTransaction]] = defaultdict(list)
    for one in answered if silent else ():
        asked[_question(one)].append(one)
    return [one for one in silent if not any(_is_leg(one, of) for of in asked[_question(one)])]


def _legs(answered: Iterable[DnsTransaction]) -> int:
    """How many are those of a question that a node asks on, to the endpoint it translates to."""
    latest: dict[Question, DnsTransaction] = {}
    count = 0
    for one in sorted(answered, key=lambda one: one.at):
        before = latest.get(question := _question(one))
        if before is not None and _is_leg(one, before):
            count += 1
        else:
            latest[question] = one
    return count


def _question(one: DnsTransaction) -> Question:
    return one.client, one.name, one.type


def _is_leg(one: DnsTransaction, of: DnsTransaction) -> bool:
    return one.server != of.server and 0 <= one.at - of.at <= AT_ONCE_NS


def _median_ms(answered: Sequence[DnsTransaction], now: int) -> float | None:
    """Of what the server needs: without the questions that it had only when they were asked again,
    where those are few."""
    known = [one for one in answered if one.latency is not None]
    first = [one for one in known if not _is_of_the_second(one)]
    measured = first if 2 * len(first) >= len(known) else known
    latest = [one for one in measured if now - one.answered_at <= LATEST_NS]
    of = latest if len(latest) >= FEW else measured
    return median(one.latency / 1e6 for one in of if one.latency is not None) if of else None


def _is_a_timeout_late(one: DnsTransaction) -> bool:
    """Whether it came just after a resolver's timeout: the first question, or its answer, was
    lost."""
    earliest, latest = RESOLVER_TIMEOUT_MS
    return one.latency is not None and earliest <= one.latency / 1e6 <= latest


def _is_of_the_second(one: DnsTransaction) -> bool:
    """Whether it was answered soon after it was asked again, a resolver's timeout after the first
    time: that question, or its answer, was lost."""
    if one.latency is None or not one.at < one.again_at <= one.answered_at:
        return False
    return one.latency >= TIMEOUT_NS and PROMPT * (one.answered_at - one.again_at) <= one.latency


def _absent(answered: Iterable[DnsTransaction]) -> Iterator[AbsentName]:
    """Hosts' names that each form of which does not exist, the most asked for first."""
    forms: dict[tuple[bytes, str], list[DnsTransaction]] = defaultdict(list)
    for one in answered:
        if one.type in ADDRESSES and not one.name.endswith(REVERSE):
            forms[one.client, one.name.partition(".")[0]].append(one)
    found = (
        AbsentName(address(client), _short({one.name for one in of}), _times(of))
        for (client, _), of in forms.items()
        if all(one.rcode == NXDOMAIN for one in of)
    )
    yield from sorted(found, key=lambda one: -one.times)[:MISSING_KEPT]


def _short(names: set[str]) -> str:
    """Without a search domain, where it was asked for so."""
    return min(names, key=lambda name: (len(name), name))


def _times(of: Iterable[DnsTransaction]) -> int:
    """That a program asked: one lookup is a question a form and type, and one a leg on a node."""
    return max(Counter((one.server, one.name, one.type) for one in of).values())


def _most_missing(answered: Sequence[DnsTransaction]) -> tuple[str, ...]:
    names = Counter(one.name for one in answered if one.rcode == NXDOMAIN)
    return tuple(name for name, _ in names.most_common(NAMES_SHOWN))


def _missing(answered: Sequence[DnsTransaction]) -> Mapping[str, tuple[str, ...]]:
    """By client, the names that do not exist and of which no other form had an answer."""
    missing = _names_by_client(one for one in answered if one.rcode == NXDOMAIN)
    resolved = _names_by_client(one for one in answered if one.rcode == 0 and one.answers)
    return {
        client: tuple(_without_forms(sorted(names)[:MISSING_KEPT], resolved[client]))
        for client, names in missing.items()
    }


def _names_by_client(transactions: Iterable[DnsTransaction]) -> Names:
    names: Names = defaultdict(set)
    for one in transactions:
        names[address(one.client)].add(one.name)
    return names


def _without_forms(names: Iterable[str], resolved: set[str]) -> Iterator[str]:
    """Those of which no other form is among the resolved ones."""
    for name in names:
        if not any(_are_forms(name, other) for other in resolved):
            yield name


def _are_forms(name: str, other: str) -> bool:
    """Whether one is the other with a search domain."""
    first, _, _ = name.partition(".")
    return name.startswith(f"{other}.") or other.startswith(f"{first}.")
