"""The sampler's shell program, constant, and the command that starts it.

Runs in bash, busybox's sh and Debian's. Every tick it prints a frame (sampler reads them): the
uptime, which is the sample's own clock, the network namespace's inode, the files of procfs.FILES.
Every few ticks it adds those of procfs.SLOW_FILES, how the namespace is set up, and the output of
tools. Socket tables come every few ticks: the more sockets the more seldom, and past MANY summed
by peer at the source. Lines that start with the record separator 0x1E, which no /proc file holds,
cut the frames. The loop ends by itself after a given number of ticks.
"""

from __future__ import annotations

from collectors.kernel import procfs
from collectors.remote_commands import owned

INTERVAL_S = 1
SOCKETS_EVERY = 3  # ticks
SETTINGS_EVERY = 10
MAX_TICKS = 14_400

# Sums sockets: those of one state between one local address and one peer (and its port, where we
# connect to it). Prints lines as `ss` does, with ` count:N` at the end; LISTEN as it is. At most
# 3,000 groups. POSIX awk.
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
MANY = 4_000  # sockets: more are summed at the source

# $1 ticks, $2 interval, $3 sockets every n-th tick, $4 settings every n-th, $5 how many sockets are
# many, $6 the awk program that sums them, $7 how many of the files are settings; after that those
# files, and the others. Processes are the cost: bash reads files by itself, waits on a pipe that it
# holds open, and prints a frame at once. In other shells one process reads all files of a tick;
# `tail` writes a line with the name before each.
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
links() { links=; while read -r d t; do [ "$d" = "${d%%:*}" ] || links+=" ${d%%:*}"
  done < /proc/net/dev; }
doze() { read -rt "$pause" -u 9 _ || :; }'
fast() { k=$1; shift; shift "$k"; show "$@"; }
has() { command -v "$1" >/dev/null 2>&1; }
count() {
  total=0 udp=0
  for f in /proc/net/sockstat /proc/net/sockstat6; do
    [ -r "$f" ] && while read -r kind a b c d e g rest; do
      case $kind in
        TCP:) total=$((total + b + g));; TCP6:) total=$((total + b));;
        UDP:|UDP6:) udp=$((udp + b));;
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
    p sum tcp "$total" "$step"; flush
    { ss -tinoOaH 2>/dev/null || ss -tinoaH 2>/dev/null; } | awk "$sum"
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
    read -r a < /proc/net/if_inet6 && p ip neigh && x ip -6 -j neigh
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
# bash, where there is one, runs the arguments.
SHELL = 'command -v bash >/dev/null 2>&1 && exec bash -c "$@"; exec sh -c "$@"'


def command(ticks: int = MAX_TICKS) -> list[str]:
    """The argument vector that starts the sampler, for so many samples, in a container that has
    `sh`."""
    arguments = [
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
        ["sh", "-c", SHELL, "sh", _short(PROGRAM), "podwire-sampler", *map(str, arguments), *files]
    )


def _short(program: str) -> str:
    """Without indentation: the command travels in an URL, and proxies let 8 kB of it pass."""
    return "\n".join(line.strip() for line in program.strip().splitlines())
