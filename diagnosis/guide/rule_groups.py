"""Rules that are looked at together in a guided session: what a step says, and why it comes next.
A group gives an order and no more: of its rules a symptom's tree looks at those that declare the
symptom, and last at all others that do (`diagnosis/guide/steps.py`)."""

from __future__ import annotations

from collectors.frozen import frozen


@frozen
class RuleGroup:
    """`does` is what the step says of itself, `why` why it comes next."""

    does: str
    why: str
    rules: tuple[str, ...]


NODE_PATH_RULES = (
    "forwarding",
    "conntrack_full",
    "missing_route",
    "missing_fdb",
    "neighbour",
    "rp_filter",
)
SERVICES = RuleGroup(
    "look at Services and endpoints",
    "a refusal is mostly a port or an endpoint",
    ("endpoints", "target_port", "external_local", "hairpin", "refused", "stale_udp"),
)
POLICIES = RuleGroup(
    "look at policies that drop",
    "a policy drops in silence",
    ("policy_drops", "policy_label", "policy_selects_nothing"),
)
NODE_PATH = RuleGroup(
    "look at the node: conntrack, routes, neighbours, reverse path",
    "the node may drop it",
    NODE_PATH_RULES,
)
PORTS_AND_QUEUES = RuleGroup(
    "look at the local ports and the accept queue",
    "either end may be full",
    ("ephemeral_ports", "listen_queue", "syn_flood"),
)
LOSS_AND_RESETS = RuleGroup(
    "look for loss and resets",
    "what is left is the path",
    ("retransmits", "resets", "unanswered"),
)
STALE_ENDPOINTS = RuleGroup(
    "look for endpoints that are gone, or not reached from this node",
    "packets to an address that nobody has are dropped in silence",
    ("dead_address", "stale_udp", "external_local", "hairpin", "endpoints"),
)
WHERE_LOST = RuleGroup(
    "look for the place where SYNs are lost",
    "captures on both nodes show it",
    ("unanswered", "retransmits"),
)
AFTER_THE_HANDSHAKE = RuleGroup(
    "look at the server and the receiver",
    "connections are made: what times out is the answer",
    ("listen_queue", "slow_server", "receiver", "mtu"),
)
DNS_REACHED = RuleGroup(
    "look at the DNS Service, its answers, and policies for port 53",
    "the name is where it fails",
    (
        "endpoints",
        "dns_failing",
        "dns_missing",
        "dns_slow",
        "policy_cuts_dns",
        "policy_cuts_dns_tcp",
        "dns_unanswered",
        "crash_loop",
    ),
)
DNS_NODE_PATH = RuleGroup(
    "look at the node: conntrack, routes, neighbours",
    "DNS may not get there",
    NODE_PATH_RULES,
)
DNS_ANSWERS = RuleGroup(
    "look at how DNS answers",
    "it resolves now: late, or after many tries?",
    (
        "dns_slow",
        "dns_failing",
        "dns_missing",
        "dns_search",
        "dns_unanswered",
        "conntrack_races",
        "dns_truncated",
    ),
)
DNS_SPEED = RuleGroup(
    "look at how DNS answers",
    "every connection by name begins there",
    ("dns_slow", "dns_search", "dns_unanswered"),
)
PROGRAMS = RuleGroup(
    "look at the receiver and the server",
    "most that is slow is a program",
    ("receiver", "slow_server", "listen_queue"),
)
LOSS = RuleGroup("look for loss", "what is retransmitted comes late", ("retransmits", "mtu"))
NODE_SPEED = RuleGroup(
    "look at the node's CPUs, interfaces and latency",
    "packets wait where CPUs are busy",
    (
        "cpu_steal",
        "softirq",
        "udp_flood",
        "softnet",
        "softnet_drops",
        "nic_drops",
        "nic_allowance",
        "latency",
        "cross_zone",
        "service_scale",
        "overlay_fallback",
    ),
)
INVALID = RuleGroup(
    "look at conntrack: INVALID packets", "the node may cause them", ("conntrack_invalid",)
)
WHO_RESETS = RuleGroup(
    "look at who resets, and in which phase",
    "after the node, the program",
    ("resets", "refused", "listen_queue", "target_port"),
)
NODE_DIFFERENCES = RuleGroup(
    "look at routes, forwarding entries and neighbours of both nodes",
    "nodes differ there first",
    (
        "missing_route",
        "missing_fdb",
        "neighbour",
        "rp_filter",
        "overlay_fallback",
        "asymmetric_path",
        "mixed_backends",
    ),
)
PER_NODE = RuleGroup(
    "look at what depends on the node: local endpoints, hairpin, conntrack, CPU",
    "next, what runs on them",
    (
        "external_local",
        "hairpin",
        "conntrack_full",
        "refused",
        "cpu_steal",
        "udp_flood",
        "softirq",
        "slow_server",
        "mtu",
    ),
)
MTU = RuleGroup(
    "look at the MTU of pods, overlay and underlay",
    "full-size segments are what hangs",
    ("mtu",),
)
RECEIVER = RuleGroup("look at the receiver", "a closed window hangs as well", ("receiver",))
LOSS_OF_LARGE = RuleGroup(
    "look for loss",
    "the more segments the more loss",
    ("retransmits", "checksum", "reassembly"),
)
TABLES = RuleGroup(
    "look at tables that fill: conntrack, local ports, neighbours",
    "load breaks at limits",
    (
        "conntrack_full",
        "ephemeral_ports",
        "neighbour_table",
        "nic_allowance",
        "cilium_map",
        "service_scale",
        "ipvs_reuse",
    ),
)
QUEUES = RuleGroup(
    "look at queues: accept queue, CPUs, interfaces",
    "after tables, queues",
    (
        "listen_queue",
        "syn_flood",
        "listen_drops",
        "softnet_drops",
        "softnet",
        "softirq",
        "udp_flood",
        "nic_drops",
        "cpu_steal",
    ),
)
UNDER_LOAD = RuleGroup(
    "look at DNS, the programs, and loss",
    "after queues, what is asked",
    (
        "dns_search",
        "dns_slow",
        "dns_unanswered",
        "slow_server",
        "receiver",
        "close_wait",
        "retransmits",
        "conntrack_races",
    ),
)
