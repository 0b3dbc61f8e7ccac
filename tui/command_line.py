"""What can be typed behind a `:`, how it is completed and what it means: text in, text out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from collectors.errors import ConfigError
from collectors.frozen import frozen
from collectors.sanitize import sanitize
from session.favourites import ContextNamespace

ALL = ("all", "*", "-")  # namespaces


@frozen
class LineCommand:
    """`names`: the first is completed to. `argument` is what follows: '' for nothing."""

    names: tuple[str, ...]
    argument: str
    help: str


COMMANDS = (
    LineCommand(
        ("ctx", "context", "contexts"), "context", "go to another context of the kubeconfig"
    ),
    LineCommand(("ns", "namespace", "namespaces"), "namespace", "show one namespace, or `all`"),
    LineCommand(("fav", "favourites"), "favourite", "go to a favourite, a context and namespace"),
    LineCommand(("keep",), "", "keep this context and namespace as a favourite"),
    LineCommand(("forget",), "favourite", "remove a favourite"),
    LineCommand(("login",), "", "log in to this context again: its credential plugin may ask"),
    LineCommand(("open",), "target", "open pod/NAME, deploy/NAME, node/NAME, NAMESPACE/POD"),
    LineCommand(("pods", "po", "pod"), "", "list pods"),
    LineCommand(("nodes", "no", "node"), "", "list nodes"),
    LineCommand(("services", "svc", "service"), "", "list Services"),
    LineCommand(("help", "h", "?"), "", "show all keys"),
    LineCommand(("quit", "q", "q!"), "", "quit podwire"),
)
BY_NAME = {name: command for command in COMMANDS for name in command.names}


@frozen
class CommandChoices:
    """What can be chosen from now. `here` is where the console is."""

    contexts: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    favourites: tuple[ContextNamespace, ...] = ()
    here: ContextNamespace = ContextNamespace("")

    def of(self, argument: str) -> Iterator[tuple[str, str]]:
        """Texts for an argument, each with a note."""
        if argument == "context":
            kept = {place.context for place in self.favourites}
            for name in sorted(self.contexts, key=lambda one: (one not in kept, one)):
                notes = ("here" if name == self.here.context else "", "★" if name in kept else "")
                yield name, " ".join(filter(None, notes))
        elif argument == "namespace":
            yield "all", "here" if not self.here.namespace else ""
            for name in self.namespaces:
                yield name, "here" if name == self.here.namespace else ""
        elif argument == "favourite":
            for place in self.favourites:
                yield place.text, "here" if place == self.here else ""


@frozen
class Completion:
    """`text` is the whole line that it makes."""

    text: str
    shown: str
    note: str = ""


@frozen
class TypedLine:
    """A command that is known, and what follows it."""

    command: str
    argument: str = ""


def split(text: str) -> tuple[str, str]:
    name, _, argument = text.strip().partition(" ")
    return name, argument.strip()


def completions(text: str, choices: CommandChoices) -> list[Completion]:
    """What the line may become: those that begin as it does first."""
    name, argument = split(text)
    if " " not in text.lstrip():
        return list(_commands(name))
    command = BY_NAME.get(name)
    if command is None:
        return []
    found = list(choices.of(command.argument))
    first = command.names[0]
    return [
        Completion(f"{first} {one}", sanitize(one, 120), note)
        for one, note in sorted(found, key=lambda pair: not pair[0].startswith(argument))
        if all(word in one for word in argument.split())
    ]


def _commands(name: str) -> Iterator[Completion]:
    for command in COMMANDS:
        if any(one.startswith(name) for one in command.names):
            first, more = command.names[0], " " if command.argument else ""
            yield Completion(f"{first}{more}", first, command.help)


def is_incomplete(text: str) -> bool:
    """Whether something has to follow that is not there yet."""
    name, argument = split(text)
    command = BY_NAME.get(name)
    return command is not None and bool(command.argument) and not argument


def typed(text: str) -> TypedLine:
    """What a line asks for. ConfigError where there is no such command."""
    name, argument = split(text)
    if command := BY_NAME.get(name):
        return TypedLine(command.names[0], argument)
    if "/" in name and not argument:
        return TypedLine("open", name)
    raise _unknown(f"command {sanitize(name, 40)!r}", name, BY_NAME)


def place_of(argument: str, contexts: Iterable[str]) -> ContextNamespace:
    """`prod` or `prod shop`; names of contexts may have spaces. ConfigError where there is no
    such context."""
    known = list(contexts)
    if argument in known:
        return ContextNamespace(argument)
    context, _, namespace = argument.rpartition(" ")
    if context.strip() in known:
        return ContextNamespace(context.strip(), namespace)
    name = sanitize(argument, 80)
    if not known:
        raise ConfigError(f"There is no context {name!r}: the kubeconfig has none.")
    raise _unknown(f"context {name!r} in the kubeconfig", argument, known)


def namespace_of(argument: str, known: Sequence[str]) -> str:
    """'' for all. ConfigError where there is none of that name."""
    if argument in ALL:
        return ""
    if argument in known:
        return argument
    name = sanitize(argument, 80)
    raise _unknown(f"namespace {name!r} in this cluster", argument, known)


def _unknown(what: str, name: str, known: Iterable[str]) -> ConfigError:
    from diagnosis.edit_distance import near  # the first frame waits for no diagnosis

    found = sanitize(near(name, known), 80)
    return ConfigError(f"There is no {what}.{f' Is it {found}?' if found else ''}")
