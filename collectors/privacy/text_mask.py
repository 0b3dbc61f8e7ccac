"""Names and addresses masked wherever they stand in a text: known names by their words, addresses
by their form, host names by how they end."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from ipaddress import ip_address

from collectors.privacy.address_mask import AddressMask
from collectors.privacy.name_mask import KEPT_NAMES, LAST_PARTS, WORD, NameMask

V4 = r"(?<!\d)\d{1,3}(?:\.\d{1,3}){3}(?!\d)"
MOST_WORDS = 24  # of a name
LONE = 1  # character: only beside a slash is such a word a name
UUID = r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"
FORMS = re.compile(
    "|".join(
        (
            rf"(?P<uuid>{UUID})",
            r"(?P<mac>(?<![0-9a-fA-F:])(?:[0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}(?![0-9a-fA-F:]))",
            r"(?P<reverse>[0-9a-fA-F][0-9a-fA-F.]*\.(?:in-addr|ip6)\.arpa)",
            r"(?P<v6>(?<![0-9a-zA-Z:.])[0-9a-fA-F:]*:[0-9a-fA-F:]*:[0-9a-fA-F:.]*)(?P<l6>/\d{1,3})?",
            rf"(?P<v4>{V4})(?P<l4>/\d{{1,2}}(?!\d))?",
            r"(?P<quad>(?<!\d)\d{1,3}(?:-\d{1,3}){3}(?!\d))",
            rf"(?P<host>(?<![\w.-])(?:[\w-]+\.)+(?:{'|'.join(sorted(LAST_PARTS))}|local)(?![\w-]))",
        )
    )
)
PUBLIC = (  # whose names are in what podwire itself says
    *("k8s.io", "kubernetes.io", "projectcalico.org", "cilium.io", "istio.io", "linkerd.io"),
    *("antrea.io", "openshift.io", "kernel.org", "ietf.org", "github.com", "docker.io", "cncf.io"),
)
CUT = re.compile(r"([^\W_][\w.-]{2,})…")  # a name may have been cut there


class TextMask:
    """`names`: all that is known to be one, of any kind."""

    def __init__(self, addresses: AddressMask, names: NameMask, known: Iterable[str]) -> None:
        self._addresses = addresses
        self._names = names
        stripped = (_stripped(name) for name in known)
        self._known = {name for name in stripped if name and name.lower() not in KEPT_NAMES}
        self._lower = {name.lower() for name in self._known}
        self._sorted = sorted(self._lower)

    def __call__(self, text: str) -> str:
        text = CUT.sub(self._cut, text)
        found, at = list[str](), 0
        for match in FORMS.finditer(text):
            if (masked := self._of_form(match)) is not None:
                found += (self._without_forms(text[at : match.start()]), masked)
                at = match.end()
        return "".join(found) + self._without_forms(text[at:])

    def _cut(self, match: re.Match[str]) -> str:
        """What may be the begin of a known name."""
        text = match[1].lower()
        place = bisect_left(self._sorted, text)
        is_one = place < len(self._sorted) and self._sorted[place].startswith(text)
        return f"{self._names.words(match[1])}…" if is_one else match[0]

    def _of_form(self, match: re.Match[str]) -> str | None:
        kind, text = match.lastgroup or "", match[0]
        if kind == "mac":
            return self._addresses.mac(bytes.fromhex(text.replace(":", ""))).hex(":")
        if kind in ("v4", "l4"):
            return self._address(match["v4"], match["l4"] or "")
        if kind in ("v6", "l6"):
            return self._address_of_v6(match["v6"], match["l6"] or "")
        if kind == "host":
            is_public = text.lower().endswith(PUBLIC)
            return None if is_public and not self._is_known(text) else self._names.name(text)
        return self._names.on_the_wire(text) if kind == "reverse" else self._names.words(text)

    def _address_of_v6(self, text: str, length: str) -> str | None:
        """Colons and dots behind it are of the sentence."""
        short = text.rstrip(".") if "::" in text[-2:] else text.rstrip(".:")
        masked = self._address(short, length if short == text else "")
        if masked is None:  # of a clock, or before an address of the other family
            masked = re.sub(V4, lambda match: self._address(match[0], "") or match[0], text)
            return None if masked == text else masked + length
        return masked if short == text else masked + text[len(short) :] + length

    def _address(self, text: str, length: str) -> str | None:
        try:
            plain = ip_address(text)
        except ValueError:
            return None
        if length and int(length[1:]) <= plain.max_prefixlen:
            return self._addresses.network(text, int(length[1:])) + length
        return self._addresses.text(text) + length

    # --- names

    def _is_known(self, text: str) -> bool:
        if text in self._known:
            return True
        return not text.isalpha() and text.lower() in self._lower

    def _without_forms(self, text: str) -> str:
        words = [match.span() for match in WORD.finditer(text)]
        found, at = list[str](), 0
        for begin, end in self._places(text, words):
            if begin >= at:
                found += (text[at:begin], self._masked(text[begin:end]))
                at = end
        return "".join(found) + text[at:]

    def _masked(self, text: str) -> str:
        """A known name in full as such; with what is joined to it by hyphens, word by word."""
        return self._names.name(text) if self._is_known(text) else self._names.words(text)

    def _places(self, text: str, words: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        """Where known names are, the longest that begins at each word."""
        index = 0
        while index < len(words):
            last = self._last_word(text, words, index)
            if last < 0:
                index += 1
                continue
            yield _widened(text, words[index][0], words[last][1])
            index = last + 1

    def _last_word(self, text: str, words: list[tuple[int, int]], index: int) -> int:
        begin = words[index][0]
        for last in range(min(len(words), index + MOST_WORDS) - 1, index - 1, -1):
            end = words[last][1]
            if self._is_known(text[begin:end]) and not _is_lone(text, begin, end):
                return last
        return -1


def _is_lone(text: str, begin: int, end: int) -> bool:
    """One character that may as well be a word or a number."""
    return end - begin == LONE and "/" not in (text[begin - 1 : begin], text[end : end + 1])


def _widened(text: str, begin: int, end: int) -> tuple[int, int]:
    """With what is joined by hyphens: of a pod that is not known, the rest of its name."""
    after = re.compile(r"(?:-[^\W_]+)+").match(text, end)
    before = re.search(r"(?:[^\W_]+-)+$", text[:begin])
    return before.start() if before else begin, after.end() if after else end


def _stripped(name: str) -> str:
    words = list(WORD.finditer(name))
    return name[words[0].start() : words[-1].end()] if words else ""
