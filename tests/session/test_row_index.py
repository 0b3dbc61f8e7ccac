"""The lists of the cluster screen: in order and found by words, whatever comes and goes."""

from hypothesis import given, strategies as st

from collectors.events import PodRow
from session.row_index import RowIndex, searchable

NAMES = st.sampled_from(("api", "backend", "cart", "db-0", "web\0x"))
SPACES = st.sampled_from(("", "a", "a-b", "ab", "shop"))
ROWS = st.builds(
    lambda namespace, name, node, phase: PodRow(
        namespace, name, "u", node, "10.0.0.1", phase, "1/1", 0, 0.0
    ),
    SPACES,
    NAMES,
    st.sampled_from(("node1", "node2")),
    st.sampled_from(("Running", "Pending")),
)
WORDS = st.lists(
    st.sampled_from(("node1", "!node1", "back", "!back", "!", "pend", "a/")), max_size=3
)


@given(
    st.lists(ROWS, max_size=12),
    st.lists(st.tuples(st.booleans(), ROWS), max_size=20),
    WORDS,
    SPACES,
)
def test_it_holds_what_a_plain_dictionary_would(
    first: list[PodRow], changes: list[tuple[bool, PodRow]], words: list[str], namespace: str
) -> None:
    listing, plain = RowIndex(first), {(row.namespace, row.name): row for row in first}
    for remove, row in changes:
        listing.rows("", "back")  # texts are made in between
        if remove:
            listing.remove(row)
            plain.pop((row.namespace, row.name), None)
        else:
            listing.put(row)
            plain[row.namespace, row.name] = row
    assert listing.rows() == [plain[key] for key in sorted(plain)] and len(listing) == len(plain)
    wanted = [row for key, row in sorted(plain.items()) if not namespace or key[0] == namespace]
    for word in words:
        text = word.lstrip("!")
        wanted = [
            r for r in wanted if not text or (text in searchable(r)) == (not word.startswith("!"))
        ]
    assert listing.rows(namespace, " ".join(words)) == wanted
    counts: dict[str, int] = {}
    for key in plain:
        counts[key[0]] = counts.get(key[0], 0) + 1
    assert listing.counts == counts
