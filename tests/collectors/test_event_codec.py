"""Every value that an event may hold survives the log."""

from hypothesis import given, strategies as st

from collectors.events import ForeignPolicyRow, InventoryList
from collectors.recording.event_codec import decode, encode

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.just("_b"), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_a_policy_of_another_api_is_the_same_after_replay(spec: dict[str, object]) -> None:
    row = ForeignPolicyRow(
        "shop", "deny", "projectcalico.org/v3", "NetworkPolicy", spec, (("a", "b"),)
    )
    event = InventoryList(1.0, "", row.kind, (row,))
    found = decode(encode(event))
    assert found == event
    assert isinstance(found, InventoryList)
    assert hash(found.rows[0]) == hash(row)
