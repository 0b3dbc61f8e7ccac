"""The one table of actions: key, name, help, where. Bindings, footer, help and palette all come from it."""

from __future__ import annotations

from textual.binding import Binding

from collectors.frozen import frozen


@frozen
class Action:
    """`name` is the Textual action (`action_NAME` on the screen or app), `where` the screen it works on."""

    name: str
    key: str
    label: str
    help: str
    where: str  # app, cluster, target, time, figure, flow, lab, list
    footer: bool = True


ACTIONS = (
    Action(
        "filter", "slash", "filter", "filter the list as you type; ! in front inverts", "cluster"
    ),
    Action("back", "escape", "back", "clear the filter", "cluster", footer=False),
    Action("pods", "1", "pods", "show pods", "cluster", footer=False),
    Action("nodes", "2", "nodes", "show nodes", "cluster", footer=False),
    Action("services", "3", "services", "show Services", "cluster", footer=False),
    Action("next_namespace", "n", "namespace", "next namespace; N goes back", "cluster"),
    Action("previous_namespace", "N", "namespace", "previous namespace", "cluster", footer=False),
    Action(
        "access",
        "p",
        "permissions",
        "what you may do here, and the Role that is missing",
        "cluster",
        footer=False,
    ),
    Action(
        "clean", "x", "clean", "remove what an earlier console left here", "cluster", footer=False
    ),
    Action(
        "reach",
        "b",
        "may it reach",
        "from the pod under the cursor, then b on another: the way, step by step",
        "cluster",
        footer=False,
    ),
    Action(
        "matrix",
        "M",
        "who reaches whom",
        "the workloads of the namespace against each other",
        "cluster",
        footer=False,
    ),
    Action(
        "local",
        "L",
        "this machine",
        "look at the machine that podwire runs on",
        "cluster",
        footer=False,
    ),
    Action("tab(1)", "1", "packets", "packets as they pass", "target", footer=False),
    Action(
        "tab(2)",
        "2",
        "flows",
        "connections and conversations, those in trouble first",
        "target",
        footer=False,
    ),
    Action(
        "tab(3)",
        "3",
        "dns",
        "DNS look-ups: latency, retries, search domains",
        "target",
        footer=False,
    ),
    Action(
        "tab(4)", "4", "sockets", "sockets with RTT, window, retransmits", "target", footer=False
    ),
    Action("tab(5)", "5", "counters", "kernel counters that moved", "target", footer=False),
    Action(
        "tab(6)",
        "6",
        "conntrack",
        "what fills the node's conntrack table; r counts again",
        "target",
        footer=False,
    ),
    Action(
        "tab(7)",
        "7",
        "node",
        "CPUs with steal and softirq, interfaces, neighbours",
        "target",
        footer=False,
    ),
    Action("tab(8)", "8", "events", "what happened, and what was done", "target", footer=False),
    Action(
        "group",
        "p",
        "peers",
        "sockets by peer: workload, Service, zone, ports in use",
        "target",
        footer=False,
    ),
    Action("again", "r", "again", "conntrack: count the table again", "target", footer=False),
    Action("filter", "slash", "filter", "packets: a BPF filter; other lists: words", "target"),
    Action(
        "pin",
        "m",
        "graph",
        "the counter, peer or socket under the cursor as a graph",
        "target",
        footer=False,
    ),
    Action(
        "propose",
        "y",
        "propose policy",
        "the least NetworkPolicy that admits what was seen of this pod",
        "target",
        footer=False,
    ),
    Action(
        "compare",
        "o",
        "compare",
        "beside another open pod or node: what differs",
        "target",
        footer=False,
    ),
    Action("guide", "e", "guide", "from a symptom to its cause, by probes from this pod", "target"),
    Action("capture", "c", "capture", "start or stop the capture", "target"),
    Action(
        "pause",
        "space",
        "pause",
        "hold list and graphs still; again to follow",
        "target",
        footer=False,
    ),
    Action(
        "move(-1)",
        "left",
        "earlier",
        "graphs: back in time: 30 min in full, a day by the minute",
        "time",
        False,
    ),
    Action("move(1)", "right", "on in time", "graphs: on in time, up to now", "time", footer=False),
    Action("stretch(1)", "minus", "stretch", "graphs: more time a dot", "time", footer=False),
    Action(
        "stretch(-1)",
        "plus,equals_sign",
        "stretch",
        "graphs: less time a dot",
        "time",
        footer=False,
    ),
    Action("pause", "space", "pause", "hold the graphs still", "figure"),
    Action("back", "escape", "back", "back to the list", "figure"),
    Action("save", "w", "save", "write the packets shown to a pcap file", "target", footer=False),
    Action(
        "sort",
        "s",
        "sort",
        "sort flows, DNS and sockets by the next column",
        "target",
        footer=False,
    ),
    Action(
        "names",
        "a",
        "names",
        "packets: names, names and addresses, addresses",
        "target",
        footer=False,
    ),
    Action(
        "vantage",
        "v",
        "pod/node",
        "sockets and counters of the pod or of its node",
        "target",
        footer=False,
    ),
    Action("zoom", "z", "zoom", "list only, graphs only, or both", "target", footer=False),
    Action(
        "close",
        "ctrl+w",
        "close",
        "end what runs for this target and close its tab",
        "target",
        footer=False,
    ),
    Action(
        "back", "escape", "back", "one step back, to the cluster; what is open goes on", "target"
    ),
    Action("back", "escape", "back", "back to the list", "flow"),
    Action("faults", "f", "faults", "switch the lab's faults on and off", "lab"),
    Action("step(1)", "right_square_bracket", "next tab", "next open target", "app", footer=False),
    Action(
        "step(-1)",
        "left_square_bracket",
        "previous tab",
        "previous open target",
        "app",
        footer=False,
    ),
    Action(
        "findings",
        "d",
        "why",
        "diagnosis: what is wrong, why podwire says so, and what to do",
        "app",
    ),
    Action("show", "s", "show", "the screen that shows it", "findings"),
    Action("back", "escape", "back", "back to where you were", "findings"),
    Action("again", "r", "again", "run the same steps again, to compare", "guide"),
    Action("back", "escape", "back", "back to the cluster", "matrix"),
    Action("other", "o", "another", "compare with another open target", "compare"),
    Action("back", "escape", "back", "back to where you were", "compare"),
    Action("back", "escape", "back", "stop; other symptoms; back", "guide"),
    Action("help", "question_mark", "help", "this page", "app"),
    Action("next_theme", "T", "theme", "next theme", "app", footer=False),
    Action(
        "command_palette", "colon", "command", "command palette (also Ctrl+P)", "app", footer=False
    ),
    Action(
        "interrupt",
        "ctrl+c",
        "stop",
        "stop the captures that run; without one, quit",
        "app",
        footer=False,
    ),
    Action("leave", "q", "quit", "leave podwire; asks while a capture runs", "app"),
    Action(
        "choose",
        "enter",
        "open",
        "open what is under the cursor: pod, flow, figure over time",
        "list",
        footer=False,
    ),
    Action("cursor('down')", "j,down", "down", "one line down", "list", footer=False),
    Action("cursor('up')", "k,up", "up", "one line up", "list", footer=False),
    Action("cursor('top')", "g,home", "top", "first line", "list", footer=False),
    Action("cursor('bottom')", "G,end", "bottom", "last line", "list", footer=False),
    Action(
        "cursor('page_down')", "ctrl+f,pagedown", "page down", "one page down", "list", footer=False
    ),
    Action("cursor('page_up')", "ctrl+b,pageup", "page up", "one page up", "list", footer=False),
)
_SHOWN = {
    "slash": "/",
    "question_mark": "?",
    "colon": ":",
    "escape": "esc",
    "right_square_bracket": "]",
    "left_square_bracket": "[",
    "left": "←",
    "right": "→",
    "minus": "-",
    "plus": "+",
    "equals_sign": "=",
}


def shown_key(action: Action) -> str:
    """The key as help and footer show it."""
    return " ".join(_SHOWN.get(key, key) for key in action.key.split(","))


def bindings(*places: str) -> list[Binding | tuple[str, str] | tuple[str, str, str]]:
    """Textual bindings for some places of the table, each with an id so that keymaps can change them.

    All have priority: those are looked at in the order in which keys come, while others wait in the queue of the
    focused widget, and a fast typist's keys would act out of order. A focused text box switches them off.
    """
    return [
        Binding(
            a.key,
            a.name,
            a.label,
            show=a.footer,
            key_display=shown_key(a),
            id=f"{a.where}.{a.name}",
            priority=True,
        )
        for a in ACTIONS
        if a.where in places
    ]
