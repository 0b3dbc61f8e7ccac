"""Exit codes of every command (docs/check.md, `podwire --help`)."""

FAILED = 1
USAGE = 2
FORBIDDEN = 4
LEFT_BEHIND = 5
NOT_KNOWN = 6  # of `policy`: what decides could not be read
CRASHED = 70  # an error of podwire's own: never an answer (sysexits.h, EX_SOFTWARE)
INTERRUPTED = 130
BROKEN_PIPE = 141
