"""Names and addresses masked wherever they stand in a text: known names by their words, addresses
by their form, host names by how they end."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from ipaddress import ip_address

from collectors.privacy.address_mask import AddressMask
from collectors.privacy.address_names import DASHED_V4, DASHED_V6, dashed
from collectors.privacy.name_forms import NAME_FORMS, arn_parts, is_public, without_escapes
from collectors.privacy.name_mask import KEPT_NAMES, WORD, NameMask

V4 = r"(?<!\d)\d{1,3}(?:\.\d{1,3}){3}(?!\d)"
MOST_WORDS = 24  # of a name
LONE = 1  # character: only beside a slash is such a word a name
HEX = "[0-9a-fA-F]"
UUID = (  # with dashes, with underscores (of control groups) or without
    rf"(?:(?<!{HEX})|(?<=pod)){HEX}{{8}}(?:[-_]?{HEX}{{4}}){{3}}[-_]?{HEX}{{12}}(?!{HEX})"
)
UUID_GROUPS = re.compile(
    rf"({HEX}{{8}})([-_]?)({HEX}{{4}})[-_]?({HEX}{{4}})[-_]?({HEX}{{4}})[-_]?(.*)"
)
FORMS = re.compile(
    "|".join(
        (
            rf"(?P<uuid>{UUID})",
            *NAME_FORMS[:2],
            rf"(?P<mac>(?<![0-9a-fA-F:]){HEX}{{2}}(?P<sign>[:-])(?:{HEX}{{2}}(?P=sign)){{4}}{HEX}{{2}}"
            rf"(?![0-9a-fA-F:])|(?<![\w.-])(?:{HEX}{{4}}\.){{2}}{HEX}{{4}}(?![\w.-]))",
            r"(?P<reverse>(?i:(?<![\w.-])[0-9a-f][0-9a-f.]*\.(?:in-addr|ip6)\.arpa))",
            r"(?P<v6>(?<![0-9a-zA-Z:.])[0-9a-fA-F:]*:[0-9a-fA-F:]*:[0-9a-fA-F:.]*)(?P<l6>/\d{1,3})?",
            rf"(?P<v4>{V4})(?P<l4>/\d{{1,2}}(?!\d))?",
            rf"(?P<quad>(?<!\d){DASHED_V4}(?!\d)|(?<![\w-]){DASHED_V6}(?![\w-]))",
            rf"(?P<quad_>(?<!\d){DASHED_V4.replace('-', '_')}(?!\d))",
            *NAME_FORMS[2:],
        )
    )
)
OWN_WORDS = frozenset(  # of podwire's sentences: with a capital they are no name of somebody's
    (
        *("API", "ARP", "CNI", "CPU", "DNS", "HTTP", "HTTPS", "ICMP", "IP", "MTU", "TCP", "TLS"),
        *("SYN", "SYNs", "FIN", "FINs", "RST", "RSTs", "ACK", "ACKs", "UDP", "NAT", "VM", "OK"),
        *("Pod", "Pods", "Node", "Nodes", "Service", "Services", "Deployment", "DaemonSet", "Job"),
        *("StatefulSet", "ReplicaSet", "CronJob", "Ingress", "Endpoints", "Namespace", "Secret"),
        *("NetworkPolicy", "ConfigMap", "Container", "Gateway", "Host", "Cookie", "Bearer"),
        *("Ready", "Running", "Pending", "Failed", "The", "A", "An", "In", "It", "No", "Of", "To"),
    )
)
CUT = re.compile(r"([^\W_][\w.-]{2,})…")  # a name may have been cut there
Span = tuple[int, int]


def nothing(_: str) -> Sequence[Span]:
    return ()


class TextMask:
    """`names`: all that is known to be one, of any kind."""

    def __init__(self, addresses: AddressMask, names: NameMask, known: Iterable[str]) -> None:
        self._addresses = addresses
        self._names = names
        stripped = (_stripped(name) for name in known)
        self._known = {name for name in stripped if name and name.lower() not in KEPT_NAMES}
        self._lower = {name.lower() for name in self._known}
        self._sorted = sorted(self._lower)

    def __call__(self, text: str, own: Callable[[str], Sequence[Span]] = nothing) -> str:
        """`own` says where a text has words that are no names, whatever somebody is called."""
        text = CUT.sub(self._cut, without_escapes(text))
        kept = own(text)
        found, at = list[str](), 0
        for match in FORMS.finditer(text):
            if (masked := self._of_form(match)) is not None:
                found += (self._without_forms(text, (at, match.start()), kept), masked)
                at = match.end()
        return "".join(found) + self._without_forms(text, (at, len(text)), kept)

    def _cut(self, match: re.Match[str]) -> str:
        """What may be the begin of a known name."""
        text = match[1].lower()
        place = bisect_left(self._sorted, text)
        is_one = place < len(self._sorted) and self._sorted[place].startswith(text)
        return f"{self._names.words(match[1])}…" if is_one else match[0]

    def _of_form(self, match: re.Match[str]) -> str | None:
        kind, text = match.lastgroup or "", match[0]
        if kind == "mac":
            return self._of_card(text)
        if kind == "arn":
            return self._of_arn(text)
        if kind == "quad_":
            masked = dashed(text.replace("_", "-"), self._addresses)
            return masked and masked.replace("-", "_")
        if kind in ("v4", "l4"):
            return self._address(match["v4"], match["l4"] or "")
        if kind in ("v6", "l6"):
            return self._address_of_v6(match["v6"], match["l6"] or "")
        if kind in ("host", "url", "at", "user", "home"):
            return self._of_name(text)
        if kind == "uuid":
            first, dash, *others = UUID_GROUPS.sub(r"\1 \2. \3 \4 \5 \6", text).split()
            return dash[:-1].join(map(self._names.words, (first, *others)))
        return self._names.name(text) if kind == "reverse" else self._names.words(text)

    def _of_card(self, text: str) -> str:
        """A network card's address, with the signs that it has between its digits."""
        masked = self._addresses.mac(bytes.fromhex(re.sub(r"[:.-]", "", text)))
        return masked.hex(".", 2) if "." in text else masked.hex(text[2])

    def _of_arn(self, text: str) -> str:
        """The partition, the service, the region and the kind stay."""
        before, whose, kind, what = arn_parts(text)
        return f"{before}{self._names.words(whose)}{kind}{self._names.name(what)}"

    def _of_name(self, text: str) -> str | None:
        """A name by its form; a dot or a hyphen behind it is of the sentence."""
        name = text.rstrip(".-")
        if is_public(name) and not self._is_known(name):
            return None
        return self._names.name(name) + text[len(name) :]

    def _address_of_v6(self, text: str, length: str) -> str | None:
        """Colons and dots behind it are of the sentence."""
        short = text.rstrip(".") if "::" in text[-2:] else text.rstrip(".:")
        masked = self._address(short, length if short == text else "")
        if masked is None:  # of a clock, or before an address of the other family
            masked = re.sub(V4, lambda match: self._address(match[0], "") or match[0], text)
            return None if masked == text else masked + length
        return masked if short == text else masked + text[len(short) :] + length

    def _address(self, text: str, length: str) -> str | None:
        if "." in text and ":" not in text:  # with zeros in front, as some programs write it
            text = ".".join(part.lstrip("0") or "0" for part in text.split("."))
        try:
            plain = ip_address(text)
        except ValueError:
            return None
        if length and int(length[1:]) <= plain.max_prefixlen:
            return self._addresses.network(text, int(length[1:])) + length
        return self._addresses.text(text) + length

    # --- names

    def _is_known(self, text: str) -> bool:
        """In any case, save for podwire's own words."""
        return text in self._known or (text.lower() in self._lower and text not in OWN_WORDS)

    def _without_forms(self, whole: str, part: Span, kept: Sequence[Span]) -> str:
        text = whole[slice(*part)]
        words = [
            match.span()
            for match in WORD.finditer(text)
            if not any(begin <= match.start() + part[0] < end for begin, end in kept)
        ]
        found, at = list[str](), 0
        for begin, end in self._places(text, words):
            if begin >= at:
                found += (text[at:begin], self._masked(text[begin:end]))
                at = end
        return "".join(found) + text[at:]

    def _masked(self, text: str) -> str:
        """A known name in full as such; with what is joined to it by hyphens, word by word."""
        return self._names.name(text) if self._is_known(text) else self._names.words(text)

    def _places(self, text: str, words: list[Span]) -> Iterator[Span]:
        """Where known names are, the longest that begins at each word."""
        index = 0
        while index < len(words):
            last = self._last_word(text, words, index)
            if last < 0:
                index += 1
                continue
            yield _widened(text, words[index][0], words[last][1])
            index = last + 1

    def _last_word(self, text: str, words: list[Span], index: int) -> int:
        begin = words[index][0]
        for last in range(min(len(words), index + MOST_WORDS) - 1, index - 1, -1):
            end = words[last][1]
            if self._is_known(text[begin:end]) and not _is_lone(text, begin, end):
                return last
        return -1


def _is_lone(text: str, begin: int, end: int) -> bool:
    """One character that may as well be a word or a number."""
    return end - begin == LONE and "/" not in (text[begin - 1 : begin], text[end : end + 1])


def _widened(text: str, begin: int, end: int) -> Span:
    """With what is joined by hyphens: of a pod that is not known, the rest of its name."""
    after = re.compile(r"(?:-[^\W_]+)+").match(text, end)
    before = re.search(r"(?:[^\W_]+-)+$", text[:begin])
    return before.start() if before else begin, after.end() if after else end


def _stripped(name: str) -> str:
    words = list(WORD.finditer(name))
    return name[words[0].start() : words[-1].end()] if words else ""
