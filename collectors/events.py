"""The typed events of the one stream: everything that podwire knows arrives as one of these.

All are frozen and carry wall time (`at`, seconds since the epoch) and the key of their target (''
where they concern the session). Text in them is already safe to show.
"""

from __future__ import annotations

from typing import Literal

from collectors.findings import Evidence as Evidence, Finding as Finding, Subject as Subject
from collectors.frozen import frozen
from collectors.objects import (
    Backend as Backend,
    ContainerPort as ContainerPort,
    Endpoint as Endpoint,
    ForeignPolicyRow as ForeignPolicyRow,
    IngressRow as IngressRow,
    Labels as Labels,
    NamespaceRow as NamespaceRow,
    NodeRow as NodeRow,
    PodRow as PodRow,
    PolicyRow as PolicyRow,
    ProbeRow as ProbeRow,
    Row as Row,
    ScaledRow as ScaledRow,
    ServicePort as ServicePort,
    ServiceRow as ServiceRow,
    SettingsRow as SettingsRow,
    SliceRow as SliceRow,
)
from collectors.packet import Packet as Packet
from collectors.packet_filter_rows import FilterRule as FilterRule, RuleCount as RuleCount
from collectors.sockets.rows import SocketRow


@frozen
class Event:
    at: float
    target: str


@frozen
class CounterSample(Event):
    """One reading of a vantage point's counters. `clock` is the sampled machine's own uptime in
    seconds."""

    clock: float
    netns: str
    values: dict[str, int]
    missing: tuple[str, ...] = ()


@frozen
class SocketSnapshot(Event):
    """All sockets of a network namespace; `note` says what was left out or added up, and how often
    it is read."""

    rows: tuple[SocketRow, ...]
    source: str = "ss"
    note: str = ""


@frozen
class LinkRow:
    """An interface. `kind` is the driver's ('veth', 'vxlan', 'bridge', 'ipip'; '' for hardware),
    `mtu` bytes, `detail` what a tunnel is made of, `hairpin` that of a bridge's port (None: not
    one), `lladdr` its link-layer address ('' for none)."""

    name: str
    kind: str
    mtu: int
    state: str
    addresses: tuple[str, ...] = ()  # with their prefix lengths
    master: str = ""
    detail: str = ""
    hairpin: bool | None = None
    promiscuous: bool = False
    lladdr: str = ""


@frozen
class RouteRow:
    """`destination` is a prefix or 'default', `mtu` bytes where the route sets one."""

    destination: str
    device: str
    gateway: str = ""
    mtu: int | None = None


@frozen
class NeighbourRow:
    """An entry of the neighbour table (ARP, NDP); without a link-layer address nobody answered for
    it. `permanent`: a program wrote it, as CNIs do for other nodes' tunnels; of IPv4 only."""

    address: str
    device: str
    lladdr: str = ""
    permanent: bool = False


@frozen
class NetworkState(Event):
    """How a network namespace is set up. `forwarding` are (link-layer address, remote address,
    device) of tunnels."""

    links: tuple[LinkRow, ...] = ()
    routes: tuple[RouteRow, ...] = ()
    neighbours: tuple[NeighbourRow, ...] = ()
    forwarding: tuple[tuple[str, str, str], ...] = ()
    nameservers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    ndots: int = 1
    kernel: str = ""


@frozen
class PacketBatch(Event):
    capture: int
    linktype: int
    packets: tuple[Packet, ...]


@frozen
class ConntrackGroup:
    """Entries of a conntrack table that differ in their source port only. `reply_source` is not
    `destination` where the address was translated."""

    count: int
    protocol: str
    state: str
    source: str
    destination: str
    port: int
    reply_source: str
    reply_port: int
    assured: bool
    replied: bool


@frozen
class ConntrackTable(Event):
    """A conntrack table counted: entries in all, and the largest groups. `error` says why it could
    not be."""

    total: int
    groups: tuple[ConntrackGroup, ...]
    source: str = "conntrack -L"
    error: str = ""


@frozen
class RuleTables(Event):
    """What a network namespace holds; a backend that is not there, or may not be read, is left
    out."""

    rows: tuple[RuleCount, ...]
    error: str = ""


@frozen
class FilterRules(Event):
    """Those of a network namespace that count."""

    rows: tuple[FilterRule, ...]


CapturePhase = Literal["checking", "running", "gap", "ended", "failed"]


@frozen
class CaptureState(Event):
    """Counts are packets. `dropped_kernel` is what tcpdump reports, `dropped_disk` what was not
    kept on disk. What a slow consumer of the stream lost is that consumer's to count. `kept` is
    the directory of the files."""

    capture: int
    phase: CapturePhase
    filter: str
    message: str = ""
    received: int = 0
    dropped_kernel: int = 0
    dropped_disk: int = 0
    kept: str = ""


TargetPhase = Literal["attaching", "live", "gap", "gone", "failed", "ended"]


@frozen
class TargetState(Event):
    phase: TargetPhase
    message: str = ""


@frozen
class Command(Event):
    """Something that was done to someone's cluster: journalled with who and how it ended."""

    user: str
    verb: str
    what: str
    result: str
    manifest: str = ""  # YAML of what was sent


@frozen
class AccessRow:
    """A right that podwire can use: what for, and which of its verbs are `missing`.

    `namespace` '' means all of them.
    """

    use: str
    verbs: tuple[str, ...]
    resource: str  # with the subresource: pods/exec
    group: str
    namespace: str
    missing: tuple[str, ...]

    @property
    def rights(self) -> str:
        """`get list watch pods`, as kubectl says it."""
        full = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{' '.join(self.verbs)} {full}"


@frozen
class AccessReview(Event):
    """What this user may do in a namespace ('' for all)."""

    namespace: str
    rows: tuple[AccessRow, ...]

    @property
    def refused(self) -> tuple[AccessRow, ...]:
        """The rows of which something is missing."""
        return tuple(row for row in self.rows if row.missing)


@frozen
class LeftRow:
    """A pod of podwire's that an earlier console left."""

    context: str
    namespace: str
    pod: str
    node: str
    since: float
    here: bool  # in the cluster that is open


@frozen
class LeftBehind(Event):
    """What earlier consoles left: replaces what was known of it."""

    rows: tuple[LeftRow, ...]


FindingChange = Literal["appeared", "changed", "gone"]


@frozen
class FindingEvent(Event):
    """A finding in full, as it appears, changes or is gone. `since` when it began to hold."""

    change: FindingChange
    finding: Finding
    since: float = 0.0


@frozen
class CommandRun(Event):
    """A short command that was run at a target, and how it ended: `asked_by` names what wanted it.
    `exit_code` is None where it did not end by itself; `output` is cut, `error` says what
    failed."""

    asked_by: str
    argv: tuple[str, ...]
    exit_code: int | None
    seconds: float
    output: str = ""
    error: str = ""


GuideVerdict = Literal["good", "bad", "unknown"]


@frozen
class GuideStep(Event):
    """A step of a guided diagnosis and its result. `goal` is `host:port`, or ''."""

    symptom: str
    goal: str
    step: str
    verdict: GuideVerdict
    text: str


@frozen
class GuideConclusion(Event):
    """How a guided diagnosis ended."""

    symptom: str
    goal: str
    found: bool
    text: str
    findings: tuple[Finding, ...] = ()


NoticeLevel = Literal["information", "warning", "error"]


@frozen
class Notice(Event):
    """What podwire says about the session itself, as it is shown to the user."""

    text: str
    level: NoticeLevel = "information"


@frozen
class ConsumerDrop(Event):
    """Events of a target that a consumer of the stream lost since `since`, because of `cause`; how
    many packets were in them. The consumer itself finds this event where the gap is. `open`: it
    goes on, and another event of the same `since` has all of it."""

    consumer: str
    events: int
    packets: int
    since: float
    cause: str
    open: bool = False


@frozen
class RecordingStart(Event):
    """The first event of a recording: which podwire wrote it, in which version of the format."""

    version: int
    podwire: str


@frozen
class RecordingEnd(Event):
    """The last event of a session's recording. Not `clean`: there was none, since its console was
    killed or its machine stopped; it is put there when the recording is read."""

    clean: bool = True


@frozen
class Mark(Event):
    """A person's mark on the timeline: who set it, and the note beside it ('' for none). `target`
    is what was on the screen, '' for the session as a whole."""

    author: str
    text: str


@frozen
class InventoryChange(Event):
    verb: Literal["ADDED", "MODIFIED", "DELETED"]
    row: Row


@frozen
class InventoryList(Event):
    """All that may be listed of one kind: replaces what was known of it. `refused` says what may
    not be listed; without any rows nothing may, and what was known stays. `namespace` is the only
    one that was listed, '' where all were."""

    kind: str
    rows: tuple[Row, ...]
    refused: str = ""
    namespace: str = ""


@frozen
class SessionStart(Event):
    """Which cluster this session looks at, and as which user. `api_server` is `address:port` where
    the kubeconfig names an address, '' otherwise."""

    context: str
    user: str
    namespace: str
    version: str
    api_server: str = ""


@frozen
class ConsoleEnds(Event):
    """Local addresses and ports of the console's own connections of the last minute."""

    ends: tuple[tuple[str, int], ...]
