"""Names behind a mask: the same word of a name always has the same mask, as long as it is, so that
`backend` and the pods `backend-7d9f-x` still belong together, and names in packets keep their
place. An address in a name has the mask of that address. What every cluster has stays."""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import blake2b

from collectors.privacy.address_mask import AddressMask
from collectors.privacy.address_names import DASHED, dashed, reverse_labels

LETTERS, DIGITS = "abcdefghijklmnopqrstuvwxyz", "0123456789"
KEPT_NAMES = frozenset(
    (
        *("default", "kube-system", "kube-public", "kube-node-lease", "kubernetes", "root"),
        *(
            "kube-dns",
            "kube-proxy",
            "coredns",
            "kube-apiserver",
            "kube-scheduler",
            "etcd",
            "localhost",
        ),
        *("kube-controller-manager", "podwire", "cluster-admin", "kube-flannel", "calico-node"),
        *("cilium", "flannel", "calico-system", "node-local-dns", "metrics-server"),
    )
)
KEPT_PARTS = frozenset(  # of names of DNS, and of users, unless something is called so
    (
        *("svc", "pod", "cluster", "local", "localdomain", "in-addr", "ip6", "arpa"),
        *("system", "serviceaccount", "serviceaccounts", "masters", "anonymous", "node", "nodes"),
    )
)
LAST_PARTS = frozenset(  # behind a dot
    (
        *("com", "net", "org", "io", "dev", "edu", "gov", "info", "internal", "lan", "corp"),
        *("home", "cloud", "app", "ai", "co", "eu", "de", "fr", "uk", "us", "ch", "nl", "jp"),
    )
)
WORD = re.compile(r"[^\W_]+")
BETWEEN_PARTS = re.compile(r"([.:/@])")
OWN_OBJECT = re.compile(r"podwire-(?:node-)?(?=[0-9a-f]{8}$)")  # pods and containers that it adds
NO_DIGITS = str.maketrans("0123456789", "ghijklmnop")
SHORT = 3  # characters: a mask may be such a word, the words are too few


class NameMask:
    """Masks by a secret key. `plain`: words that are no mask of another one."""

    def __init__(self, key: bytes, addresses: AddressMask, plain: Iterable[str] = ()) -> None:
        self._key = key
        self._addresses = addresses
        self._names = {text.lower() for text in plain}
        self._plain = {word for text in self._names for word in WORD.findall(text)}
        self._masks: dict[str, str] = {}
        self._used: set[str] = set()
        for word in sorted(self._plain):  # whatever comes first later: the same masks
            self.word(word)

    def name(self, name: str) -> str:
        """A name with dots, colons, slashes or none. One that is an address has that one's mask."""
        try:
            return self._addresses.text(name)
        except ValueError:
            if (found := reverse_labels(name, self._addresses)) is not None:
                return ".".join((*found[0], found[1]))
            pieces = BETWEEN_PARTS.split(name)
            last = len(pieces) - 1 if "." in pieces else -1
            return "".join(self.part(one, n == last) for n, one in enumerate(pieces))

    def on_the_wire(self, name: str) -> str:
        """A name of DNS, label by label: each as long as it was. Of an address in it the mask has
        zeros in front where it is shorter, and is letters where there is no room for it."""
        labels = name.split(".")
        if (found := reverse_labels(name, self._addresses)) is not None:
            new, zone = found
            return ".".join((*self._fitted(labels[: len(new)], new), zone))
        last = len(labels) - 1 or -1
        return ".".join(self.part(one, n == last, fits=True) for n, one in enumerate(labels))

    def _fitted(self, labels: list[str], new: list[str]) -> list[str]:
        """The new labels, each as long as it was; letters where one has no room."""
        if all(len(one) <= len(label) for label, one in zip(labels, new, strict=True)):
            return [one.zfill(len(label)) for label, one in zip(labels, new, strict=True)]
        return [self._letters(label) for label in labels]

    def _letters(self, text: str) -> str:
        """In place of an address, that are none; as long as it was."""
        return WORD.sub(lambda match: self._candidate(match[0].translate(NO_DIGITS), 0), text)

    def part(self, label: str, is_last: bool = False, fits: bool = False) -> str:
        """A label of a DNS name, or another part of a name; as long as it was, or with an address
        in it, where it need not fit."""
        plain = label.lower()
        if plain in KEPT_NAMES or label.startswith("_"):
            return label
        if plain not in self._names and (plain in KEPT_PARTS or (is_last and plain in LAST_PARTS)):
            return label
        return self.words(label, fits)

    def words(self, text: str, fits: bool = False) -> str:
        """Each word of a text masked, whatever it is; addresses with dashes as these. `fits`: as
        long as it was."""
        own = OWN_OBJECT.match(text)
        at = own.end() if own else 0
        found = [text[:at]]
        for match in DASHED.finditer(text):
            if (new := dashed(match[0], self._addresses)) is not None:
                found += (self._words(text[at : match.start()]), self._sized(match[0], new, fits))
                at = match.end()
        return "".join(found) + self._words(text[at:])

    def _sized(self, text: str, new: str, fits: bool) -> str:
        return self._fitted([text], [new])[0] if fits else new

    def _words(self, text: str) -> str:
        return WORD.sub(lambda match: self.word(match[0]), text)

    def word(self, word: str) -> str:
        plain = word.lower()
        if len(plain) != len(word):  # letters without such a counterpart
            plain = word
        if (known := self._masks.get(plain)) is None:
            known = self._masks[plain] = self._new(plain)
            self._used.add(known)
        return known

    def _new(self, word: str) -> str:
        """One that no other word has; of digits for digits."""
        attempt, candidate = 0, ""
        while not candidate or self._is_not_free(candidate):
            candidate = self._candidate(word, attempt)
            attempt += 1
            if attempt > 2_000:  # of so few characters all are used
                break
        return candidate

    def _is_not_free(self, candidate: str) -> bool:
        return candidate in self._used or (len(candidate) > SHORT and candidate in self._plain)

    def _candidate(self, word: str, attempt: int) -> str:
        first, rest = (DIGITS, DIGITS) if word.isdigit() else (LETTERS, LETTERS + DIGITS)
        stream = b""
        while len(stream) < len(word) * 2:
            text = b"%d %d %s" % (attempt, len(stream), word.encode("utf-8", "replace"))
            stream += blake2b(text, key=self._key).digest()
        values = (int.from_bytes(stream[2 * n : 2 * n + 2]) for n in range(len(word)))
        return "".join(
            (rest if place else first)[value % len(rest if place else first)]
            for place, value in enumerate(values)
        )
