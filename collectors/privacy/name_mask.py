"""Names behind a mask: the same word of a name always has the same mask, as long as it is, so that
`backend` and the pods `backend-7d9f-x` still belong together, and names in packets keep their
place. What every cluster has stays."""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import blake2b

from collectors.privacy.address_mask import AddressMask

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
            pieces = BETWEEN_PARTS.split(name)
            last = len(pieces) - 1 if "." in pieces else -1
            return "".join(self.part(one, n == last) for n, one in enumerate(pieces))

    def on_the_wire(self, name: str) -> str:
        """A name of DNS, label by label: each as long as it was."""
        labels = name.split(".")
        last = len(labels) - 1 or -1
        return ".".join(self.part(one, n == last) for n, one in enumerate(labels))

    def part(self, label: str, is_last: bool = False) -> str:
        """A label of a DNS name, or another part of a name; as long as it was."""
        plain = label.lower()
        if plain in KEPT_NAMES or label.startswith("_"):
            return label
        if plain not in self._names and (plain in KEPT_PARTS or (is_last and plain in LAST_PARTS)):
            return label
        return self.words(label)

    def words(self, text: str) -> str:
        """Each word of a text masked, whatever it is."""
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
