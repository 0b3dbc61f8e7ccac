"""The engine without a screen: the stream folded into state, snapshots, the diagnosis loop,
targets, captures."""
