"""Exit codes of every command (docs: README, `podwire --help`)."""

FAILED = 1
USAGE = 2
FORBIDDEN = 4
LEFT_BEHIND = 5
INTERRUPTED = 130
BROKEN_PIPE = 141
