"""The one table of actions: key, name, label, help, where. Bindings, footer, help and palette
come from it."""

from __future__ import annotations

from typing import Any

from collectors.frozen import frozen


@frozen
class Action:
    """`name` is the Textual action (`action_NAME` on the screen or app), `where` the screen it
    works on."""

    name: str
    key: str
    label: str
    help: str
    where: str  # app, replay, cluster, target, time, figure, flow, lab, list, …
    footer: bool = False

    @property
    def id(self) -> str:
        """Of the binding, and of the key in hints: `target.capture`."""
        return f"{self.where}.{self.name}"

    @property
    def setting(self) -> str:
        """Its name in the configuration, in the table of its place: `skip_back_10`."""
        name, _, argument = self.name.rstrip(")").partition("(")
        argument = argument.strip("'").replace("-", "back_")
        return f"{name}_{argument}" if argument else name

    @property
    def keys(self) -> tuple[str, ...]:
        """As Textual names them."""
        return tuple(self.key.split(","))


def _at(where: str, rows: tuple[tuple[str, str, str, str], ...]) -> tuple[Action, ...]:
    """Rows of key, name, label and help. A label that begins with a * is in the footer."""
    return tuple(
        Action(
            name=name,
            key=key,
            label=label.removeprefix("*"),
            help=text,
            where=where,
            footer=label.startswith("*"),
        )
        for key, name, label, text in rows
    )


ACTIONS = (
    *_at(
        "cluster",
        (
            ("slash", "filter", "*filter", "filter as you type; words with ! in front exclude"),
            ("escape", "back", "back", "clear the filter"),
            ("1", "pods", "pods", "list pods"),
            ("2", "nodes", "nodes", "list nodes"),
            ("3", "services", "services", "list Services"),
            ("n", "next_namespace", "*namespace", "next namespace; N goes back"),
            ("N", "previous_namespace", "previous namespace", "the one before"),
            ("p", "access", "permissions", "what you may do here, and the Role that is missing"),
            ("x", "clean", "clean up", "delete what an earlier podwire left behind"),
            ("b", "reach", "path", "check the path: b on the source pod, b on the destination"),
            ("M", "matrix", "matrix", "connectivity matrix of the namespace's workloads"),
            ("L", "local", "this machine", "open the machine that podwire runs on"),
        ),
    ),
    *_at(
        "target",
        (
            ("1", "tab(1)", "packets", "packets as they arrive"),
            ("2", "tab(2)", "flows", "TCP and UDP flows, those with problems first"),
            ("3", "tab(3)", "dns", "DNS lookups: latency, retries, search domains"),
            ("4", "tab(4)", "sockets", "sockets with RTT, window, retransmissions"),
            ("5", "tab(5)", "counters", "kernel counters that have moved"),
            ("6", "tab(6)", "conntrack", "what fills the node's conntrack table"),
            ("7", "tab(7)", "node", "CPUs with softirq and steal, interfaces, neighbours"),
            ("8", "tab(8)", "events", "what happened here, and what podwire did"),
            ("p", "group", "peers", "sockets by peer: workload, Service, zone, local ports"),
            ("r", "again", "count again", "conntrack: count the table again"),
            ("slash", "filter", "*filter", "packets: BPF filter; other lists: words"),
            ("m", "pin", "graph", "graph the counter, peer or socket under the cursor"),
            (
                "y",
                "propose",
                "propose policy",
                "NetworkPolicy that allows only the observed traffic",
            ),
            ("o", "compare", "compare", "compare with another open pod or node"),
            ("e", "guide", "*guide", "from a symptom to its cause, by probes from this pod"),
            ("c", "capture", "*capture", "start or stop the capture"),
            ("space", "pause", "pause", "pause list and graphs; again to follow"),
            ("w", "save", "save", "save the packets listed to a pcap file"),
            ("s", "sort", "sort", "sort by the next column"),
            ("a", "names", "names", "packets: names, names and addresses, addresses"),
            ("v", "vantage", "pod/node", "sockets and counters of the pod, or of its node"),
            ("z", "zoom", "zoom", "list only, graphs only, or both"),
            ("ctrl+w", "close", "close", "stop everything on this target and close its tab"),
            ("escape", "back", "*back", "clear the filter; back to the cluster, captures go on"),
        ),
    ),
    *_at(
        "time",
        (
            ("left", "move(-1)", "back in time", "graphs: back in time, 30 min by the second"),
            ("right", "move(1)", "forward", "graphs: forward, up to now"),
            ("minus", "stretch(1)", "zoom out", "graphs: more time per dot"),
            ("plus,equals_sign", "stretch(-1)", "zoom in", "graphs: less time per dot"),
        ),
    ),
    *_at(
        "figure",
        (
            ("space", "pause", "*pause", "pause the graphs"),
            ("escape", "back", "*back", "back to the list"),
        ),
    ),
    *_at("flow", (("escape", "back", "*back", "back to the list"),)),
    *_at("lab", (("f", "faults", "*faults", "switch the lab's faults on and off"),)),
    *_at(
        "findings",
        (
            ("s", "show", "*show", "open the screen that shows it"),
            ("escape", "back", "*back", "back to where you were"),
        ),
    ),
    *_at(
        "guide",
        (
            ("r", "again", "*run again", "run the same steps again, to compare"),
            ("escape", "back", "*back", "stop; other symptoms; back"),
        ),
    ),
    *_at(
        "timeline",
        (
            ("v", "next_figure", "*figure", "the next figure, of this or another target"),
            ("escape", "back", "*back", "to the present; back to where you were"),
        ),
    ),
    *_at("people", (("escape", "back", "*back", "back to where you were"),)),
    *_at("matrix", (("escape", "back", "*back", "back to the cluster"),)),
    *_at(
        "compare",
        (
            ("o", "other", "*another", "compare with another open target"),
            ("r", "again", "*read again", "read the sysctls of both again"),
            ("escape", "back", "*back", "back to where you were"),
        ),
    ),
    *_at(
        "app",
        (
            ("right_square_bracket", "step(1)", "next tab", "next open target"),
            ("left_square_bracket", "step(-1)", "previous tab", "previous open target"),
            ("d", "findings", "*findings", "what is wrong, the evidence, and what to do"),
            ("t", "timeline", "timeline", "what came first: findings, marks, writes, changes"),
            ("asterisk", "mark", "mark", "set a mark with a note on the timeline"),
            ("S", "share", "share", "share the session with colleagues, or end that"),
            ("W", "people", "who is here", "who joined the session, where each one looks"),
            ("F", "follow", "follow", "shared: follow the driver's screen, or stop that"),
            ("H", "hand_over", "hand over", "shared: ask to drive; as driver, grant that"),
            ("question_mark", "help", "*help", "this page"),
            ("T", "next_theme", "theme", "next theme"),
            ("Y", "copy", "copy", "copy the row, finding or selected text; to a file, too"),
            ("X", "mouse", "mouse", "mouse on or off; off, the terminal selects text"),
            ("colon", "command", "command", "command line: ctx, ns, fav, open, …; tab completes"),
            ("ctrl+p", "command_palette", "menu", "menu of all that can be done here"),
            ("ctrl+c", "interrupt", "stop", "stop running captures; without one, quit"),
            ("q", "leave", "*quit", "quit; asks while a capture runs"),
            ("ctrl+q", "quit", "quit", "the same"),
        ),
    ),
    *_at(
        "replay",
        (
            ("P", "play", "*play", "play or pause; at the end, play from the start"),
            ("greater_than_sign", "speed(1)", "faster", "twice as fast, up to 64 times"),
            ("less_than_sign", "speed(-1)", "slower", "slower, down to the original speed"),
            ("full_stop", "skip(10)", "forward 10 s", "10 s forward in the recording"),
            ("comma", "skip(-10)", "back 10 s", "10 s back in the recording"),
            ("l", "skip(60)", "forward 1 min", "a minute forward in the recording"),
            ("h", "skip(-60)", "back 1 min", "a minute back in the recording"),
            ("right_curly_bracket", "to_finding(1)", "next finding", "to the next finding"),
            ("left_curly_bracket", "to_finding(-1)", "previous finding", "to the one before"),
            ("right_parenthesis", "to_mark(1)", "next mark", "to the next mark"),
            ("left_parenthesis", "to_mark(-1)", "previous mark", "to the one before"),
            ("at", "to_time", "*go to", "go to a time: 14:03, 14:03:20, +90, -5m"),
        ),
    ),
    *_at(
        "list",
        (
            ("enter", "choose", "open", "open the row: pod, flow, figure over time"),
            ("j,down", "cursor('down')", "down", "one line down"),
            ("k,up", "cursor('up')", "up", "one line up"),
            ("g,home", "cursor('top')", "top", "first line"),
            ("G,end", "cursor('bottom')", "bottom", "last line"),
            ("ctrl+f,pagedown", "cursor('page_down')", "page down", "one page down"),
            ("ctrl+b,pageup", "cursor('page_up')", "page up", "one page up"),
        ),
    ),
    *_at(
        "dialog",
        (
            ("escape,q,enter", "dismiss", "back", "close the page"),
            ("j,down", "scroll('down')", "down", "one line down"),
            ("k,up", "scroll('up')", "up", "one line up"),
            ("g,home", "scroll('home')", "top", "first line"),
            ("G,end", "scroll('end')", "bottom", "last line"),
            ("ctrl+f,pagedown,space", "scroll('page_down')", "page down", "one page down"),
            ("ctrl+b,pageup", "scroll('page_up')", "page up", "one page up"),
            ("Y", "copy", "copy", "copy the page, or what is selected; to a file, too"),
        ),
    ),
)
SCREENS = {
    "cluster": ("cluster",),
    "target": ("target", "time"),
    "figure": ("figure", "time"),
    "flow": ("flow",),
    "findings": ("findings",),
    "guide": ("guide",),
    "timeline": ("timeline", "time"),
    "people": ("people",),
    "matrix": ("matrix",),
    "compare": ("compare",),
}  # places of the table that a screen has of its own; those below it has as well
EVERYWHERE = ("lab", "replay", "app", "list")


def bindings(*places: str) -> list[Any]:
    """Textual bindings for some places of the table, each with the id that the user's keys have.

    All have priority: those are checked in the order in which keys come, while others wait in the
    queue of the focused widget, and a fast typist's keys would act out of order. A focused text box
    switches them off, and a dialog those of the app.
    """
    from textual.binding import Binding  # the table itself needs no screens

    return [
        Binding(
            action.key,
            action.name,
            action.label,
            show=action.footer,
            id=action.id,
            priority=True,
        )
        for action in ACTIONS
        if action.where in places
    ]
