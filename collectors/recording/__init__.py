"""The event log: write and read."""
