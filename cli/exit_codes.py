"""Exit codes of every command (docs: README, `podwire --help`)."""

FAILED = 1
USAGE = 2
FORBIDDEN = 4
LEFT_BEHIND = 5
NOT_KNOWN = 6  # of `policy`: what decides could not be read
INTERRUPTED = 130
BROKEN_PIPE = 141
