"""The one long-lived exec a vantage point: its constant shell program, and the reader of what it prints.

Every tick it prints a frame: the uptime (the sample's own clock), the network namespace's inode, then the files of
procfs.FILES. Now and then it adds those of procfs.SLOW_FILES, how the namespace is set up, and what only tools tell.
Socket tables come every few ticks: the more sockets, the more seldom, and past MANY added up by peer at the source.
Frames are cut by lines that start with the record separator 0x1E, which no /proc file holds. The loop ends by itself
after a given number of ticks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from collectors.events import CounterSample, Event, NetworkState, SocketSnapshot
from collectors.kernel import network_state, procfs
from collectors.remote_commands import owned
from collectors.sockets import procfs as proc_sockets, ss
from collectors.sockets.rows import SocketRow

INTERVAL_S = 1
SOCKETS_EVERY = 3  # ticks
SETTINGS_EVERY = 10
MAX_TICKS = 14_400
MAX_FRAME = 32 << 20

# Adds sockets up: those of one state between one local address and one peer (and its port, where we connect to it).
# Prints lines as `ss` does, with ` count:N` at the end; LISTEN as it is. At most 3,000 groups. POSIX awk.
SUM = r"""
function field(name, from,  at) {
  at = index($0, " " name); if (!at) return ""
  from = substr($0, at + length(name) + 1); sub(/ .*/, "", from); return from
}
$1 == "LISTEN" { port = $4; sub(/.*:/, "", port); listens[port] = 1; print; next }
{ local = $4; sub(/:[^:]*$/, "", local); port = substr($4, length(local) + 2); peer = $5
  if (port in listens) sub(/:[^:]*$/, ":*", peer); else port = "*"
  key = $1 " " local ":" port " " peer
  if (!(key in n)) { if (kinds >= 3000) next; kinds++; order[kinds] = key }
  n[key]++; recv[key] += $2; send[key] += $3
  r = field("rtt:"); if (r != "") { split(r, p, "/"); rtt[key] += p[1]; rtts[key]++ }
  r = field("minrtt:"); if (r != "" && (!(key in least) || r + 0 < least[key])) least[key] = r + 0
  r = field("retrans:"); if (r != "") { split(r, p, "/"); now[key] += p[1]; ever[key] += p[2] }
  r = field("unacked:"); if (r != "") unacked[key] += r }
END { for (i = 1; i <= kinds; i++) { k = order[i]; split(k, p, " ")
  line = p[1] " " recv[k]+0 " " send[k]+0 " " p[2] " " p[3]
  if (rtts[k]) line = line " rtt:" rtt[k] / rtts[k] "/0"
  if (k in least) line = line " minrtt:" least[k]
  print line " retrans:" now[k]+0 "/" ever[k]+0 " unacked:" unacked[k]+0 " count:" n[k] } }
"""
MANY = 4_000  # sockets: more are added up at the source

# $1 ticks, $2 interval, $3 sockets every n-th tick, $4 settings every n-th, $5 how many sockets are many, $6 the awk
# program that adds them up, $7 how many of the files are settings, then those, then the others. Runs in bash, busybox's
# and Debian's sh. Processes are what costs: bash reads files and waits by itself, on a pipe that it holds open, and
# prints what it has gathered at once; for the others one process reads all files of a tick, `tail` writes a line with
# its name before each.
PROGRAM = r"""
ticks=$1 pause=$2 every=$3 slow=$4 many=$5 sum=$6 settings=$7; shift 7
set -f
p() { printf '\036%s\n' "$*"; }
say() { printf '%s\n' "$*"; }
flush() { :; }
x() { flush; "$@" 2>/dev/null; }
show() { tail -n +1 "$@" 2>/dev/null; }
some() { head -n "$1" "$2" 2>/dev/null; }
links() { links=$(sed -n 's/^ *\([^: ]*\):.*/\1/p' /proc/net/dev); }
doze() { sleep "$pause"; }
[ -z "$BASH_VERSION" ] || eval '
exec 9<> <(:)
o= rs=$(printf "\\036")
p() { o+="$rs$*
"; }
say() { o+="$*
"; }
flush() { printf %s "$o"; o=; }
show() { local f l IFS=; for f; do mapfile l < "$f" && o+="==> $f <==
${l[*]}"; done 2>/dev/null; }
some() { local l IFS=; mapfile -n "$1" l < "$2" && o+="${l[*]}"; } 2>/dev/null
links() { links=; while read -r d t; do [ "$d" = "${d%%:*}" ] || links+=" ${d%%:*}"; done < /proc/net/dev; }
doze() { read -rt "$pause" -u 9 _ || :; }'
fast() { k=$1; shift; shift "$k"; show "$@"; }
has() { command -v "$1" >/dev/null 2>&1; }
count() {
  total=0 udp=0
  for f in /proc/net/sockstat /proc/net/sockstat6; do
    [ -r "$f" ] && while read -r kind a b c d e g rest; do
      case $kind in
        TCP:) total=$((total + b + g));; TCP6:) total=$((total + b));; UDP:|UDP6:) udp=$((udp + b));;
      esac
    done < "$f"
  done
  total=$((total + udp))
}
sockets() {
  count
  if [ "$total" -le "$many" ]; then
    step=$((total / 300)); [ "$step" -ge "$every" ] || step=$every
  else
    step=$((total / 1000)); [ "$step" -ge 10 ] || step=10
  fi
  due=$((n + step))
  if ! has ss; then
    for f in tcp tcp6 udp; do p proc "${f%6}" "$total" "$step"
      x head -n "$many" "/proc/net/$f"; done
  elif [ "$total" -gt "$many" ] && has awk; then
    p sum tcp "$total" "$step"; flush; { ss -tinoOaH 2>/dev/null || ss -tinoaH 2>/dev/null; } | awk "$sum"
    p ss udp "$total" "$step"; flush; ss -uanH 2>/dev/null | head -n 500
  else
    p ss tcp "$total" "$step"; x ss -tinoOaH || x ss -tinoaH
    p ss udp "$total" "$step"; [ "$udp" -eq 0 ] || x ss -uanH
  fi
}
surroundings() {
  if has ip; then
    p ip addr; x ip -s -d -j addr
    p ip route; x ip -j route show table all
  fi
  has bridge && { p ip fdb; x bridge -j fdb; }
  p arp; some 2000 /proc/net/arp
  p resolv; some 50 /etc/resolv.conf
  p kernel; read -r a < /proc/sys/kernel/osrelease && say "$a"
  has conntrack && { p conntrack -S; x conntrack -S; }
  has ethtool && links && for d in $links; do
    case $d in lo|veth*|cali*|lxc*|cni*|docker*|flannel*|vxlan*|br*|-*) continue;; esac
    p ethtool "$d"; x ethtool -S "$d"
  done
}
n=0 due=0 ns=$(readlink /proc/self/ns/net)
while [ "$n" -lt "$ticks" ]; do
  p frame "$n"
  read -r up rest < /proc/uptime; p uptime; say "$up"
  p netns; say "$ns"
  if [ $((n % slow)) -eq 0 ]; then
    p all files; show "$@"; surroundings
  else
    p files; fast "$settings" "$@"
  fi
  [ "$n" -lt "$due" ] || sockets
  if [ "$n" -eq 0 ]; then p caps; x grep CapEff /proc/self/status; p pid; say "$$"; fi
  p end; flush
  n=$((n + 1)); doze
done
"""
# bash, where there is one, goes on with the arguments.
SHELL = 'command -v bash >/dev/null 2>&1 && exec bash -c "$@"; exec sh -c "$@"'
_FILE = re.compile(r"^==> (/proc/\S+) <==\n", re.MULTILINE)


def command(ticks: int = MAX_TICKS) -> list[str]:
    """The argument vector that starts the sampler, for so many samples, in a container that has `sh`."""
    how = [
        ticks,
        INTERVAL_S,
        SOCKETS_EVERY,
        SETTINGS_EVERY,
        MANY,
        _short(SUM),
        len(procfs.SLOW_FILES),
    ]
    files = (*procfs.SLOW_FILES, *procfs.FILES)
    return owned(
        ["sh", "-c", SHELL, "sh", _short(PROGRAM), "podwire-sampler", *map(str, how), *files]
    )


def _short(program: str) -> str:
    """Without indentation: the command travels in an URL, and proxies let 8 kB of it pass."""
    return "\n".join(line.strip() for line in program.strip().splitlines())


class SamplerError(Exception):
    """What the sampler printed is not a frame."""


@dataclass(slots=True)
class SamplerFrame:
    sections: list[tuple[str, str]] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Characters in all sections: how long it takes to parse."""
        return sum(len(text) for _, text in self.sections)

    def first(self, name: str) -> str:
        return next((text for title, text in self.sections if title == name), "")


class FrameReader:
    """Cuts a byte stream into frames, however it is split. Holds at most MAX_FRAME bytes."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[SamplerFrame]:
        self._buffer += data
        while (end := self._buffer.find(b"\x1eend\n")) >= 0:
            text = self._buffer[:end].decode("utf-8", "replace")
            del self._buffer[: end + 5]
            yield _frame(text)
        if len(self._buffer) > MAX_FRAME:
            raise SamplerError(f"a sample grew past {MAX_FRAME >> 20} MiB")


def _frame(text: str) -> SamplerFrame:
    frame = SamplerFrame()
    for part in text.split("\x1e")[1:]:
        title, _, body = part.partition("\n")
        frame.sections.append((title, body))
    return frame


def files(frame: SamplerFrame) -> dict[str, str]:
    """The files of a frame by their paths."""
    text = frame.first("all files") or frame.first("files")
    pieces = _FILE.split(text)
    return dict(zip(pieces[1::2], pieces[2::2], strict=True))


def sample(
    frame: SamplerFrame, target: str, at: float, settings: procfs.Values | None = None
) -> CounterSample:
    """The counters of a frame. Files that could not be read are named in `missing`. `settings` are those last read:
    a frame that holds them renews them, one that does not goes on with them."""
    try:
        clock = float(frame.first("uptime").strip())
    except ValueError:
        raise SamplerError("a sample carries no clock") from None
    known = {} if settings is None else settings
    read, whole = files(frame), bool(frame.first("all files"))
    values: procfs.Values = {}
    missing = [path for path in procfs.FILES if path not in read]
    for path, parse in procfs.FILES.items():
        if path in read:
            values.update(parse(read[path]))
    if whole:
        known.clear()
        for path, parse in procfs.SLOW_FILES.items():
            known.update(parse(read.get(path, "")))
        known.update(_told_by_tools(frame))
    values.update(known)
    return CounterSample(
        at, target, clock, frame.first("netns").strip()[:64], values, tuple(missing)
    )


def _told_by_tools(frame: SamplerFrame) -> procfs.Values:
    """What no file holds: `ethtool -S`, and of `conntrack -S` and `ip -s` what /proc lacks."""
    values: procfs.Values = {}
    for title, text in frame.sections:
        tool, _, device = title.partition(" ")
        if tool == "ethtool":
            values.update(network_state.ethtool(text, device))
    values.update(network_state.statistics(frame.first("ip addr")))
    tool_only = procfs.conntrack_tool(frame.first("conntrack -S"))
    return values | {
        name: tool_only[name] for name in ("conntrack_chaintoolong",) if name in tool_only
    }


def network(frame: SamplerFrame, target: str, at: float) -> NetworkState | None:
    """How the namespace is set up, if the frame tells it."""
    if not frame.first("kernel"):
        return None
    return network_state.state(at, target, dict(frame.sections))


def sockets(frame: SamplerFrame, target: str, at: float) -> SocketSnapshot | None:
    """The socket tables of a frame, if it carries them."""
    rows: list[SocketRow] = []
    source = note = ""
    for title, text in frame.sections:
        tool, protocol, total, every = [*title.split(" "), "", "", ""][:4]
        if tool in ("ss", "sum"):
            rows += ss.parse(text, protocol)
            source = "ss"
        elif tool == "proc":
            rows += proc_sockets.parse(text, protocol)
            source = f"/proc/net/{protocol}"
        else:
            continue
        note = note or _note(tool, total, every)
    return SocketSnapshot(at, target, tuple(rows), source, note) if source else None


def _note(tool: str, total: str, every: str) -> str:
    """What a person must know of how sockets are taken; '' where all are, as often as wanted."""
    if not (total.isdecimal() and every.isdecimal()) or int(every) <= SOCKETS_EVERY:
        return ""
    if tool == "sum":
        return f"{int(total):,} sockets, added up by peer at the source, every {every} s"
    return f"{int(total):,} sockets{f', the first {MANY:,}' if int(total) > MANY else ''}, every {every} s"


def capabilities(frame: SamplerFrame) -> int | None:
    """CapEff of the container, told in the first frame."""
    fields = frame.first("caps").split()
    return int(fields[1], 16) if len(fields) == 2 else None


def process_id(frame: SamplerFrame) -> int | None:
    """Of the sampler's shell, told in the first frame."""
    text = frame.first("pid").strip()
    return int(text) if text.isascii() and text.isdigit() else None


def events(
    frame: SamplerFrame, target: str, at: float, settings: procfs.Values | None = None
) -> Iterator[Event]:
    yield sample(frame, target, at, settings)
    state = network(frame, target, at)
    if state is not None:
        yield state
    snapshot = sockets(frame, target, at)
    if snapshot is not None:
        yield snapshot
