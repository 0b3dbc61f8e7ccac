"""Exit codes of every command: the one place for what each means. docs/check.md has this table, and
the man page as well (tests compare them)."""

FAILED = 1
USAGE = 2
FORBIDDEN = 4
LEFT_BEHIND = 5
NOT_KNOWN = 6  # of `policy`: what decides could not be read
CRASHED = 70  # an error of podwire's own: never an answer (sysexits.h, EX_SOFTWARE)
INTERRUPTED = 130
BROKEN_PIPE = 141

MEANINGS = {
    "0": "no error; of `policy`: allowed",
    "1": "failed, and the line on standard error says why: also where what was asked for cannot be "
    "written, to a file or to standard output (a full disk, a directory that may not be written "
    "to); of `check`: something was found; of `policy`: not allowed; of `pcap -o jsonl`: a file is "
    "not a capture, or is damaged",
    "2": "usage, configuration, a name that was given for something to read or to write and cannot "
    "be that (it is not there, is there already, is a directory, is not a recording), or not a "
    "terminal; of `join`: no such session is shared, or it did not let in",
    "3": "the API server cannot be reached or does not accept the credentials",
    "4": "forbidden; of `doctor`: a right is missing; of `check`: what it should look at could not "
    "be looked at",
    "5": "something was left in the cluster; it is named",
    "6": "of `policy`: unknown, and the answer says because of what",
    "70": "podwire met an error of its own, or the answer of `policy` or `check` could not be "
    "written: no answer",
    "128+n": "ended by signal n",
}
