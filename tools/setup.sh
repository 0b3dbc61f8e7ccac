#!/bin/sh
# Makes .venv from requirements.lock and installs the system packages that are missing and may be installed.
# Usage: tools/setup.sh lab|test|wheels|fuzz. Safe to run again: it does only what is not done yet.
set -eu
cd "$(dirname "$0")/.."
PATH="$PATH:/usr/sbin:/sbin"
need=""

want() { # program, Debian package
    command -v "$1" >/dev/null 2>&1 || case " $need " in *" $2 "*) ;; *) need="$need $2" ;; esac
}

want ip iproute2
want ss iproute2
want nft nftables
want tcpdump tcpdump
want unshare util-linux
want setpriv util-linux
python3 -c 'import ensurepip, venv' 2>/dev/null || need="$need python3-venv"
if [ "$1" = test ]; then
    want conntrack conntrack
    want tmux tmux
    want tshark tshark
    want ps procps
    want busybox busybox-static
    want ping iputils-ping
    want ethtool ethtool
    # Ubuntu has no such package: the tests of reports' pages skip there, loudly, without a browser
    command -v chromium-browser >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1 ||
        ! grep -q '^ID=debian' /etc/os-release || want chromium chromium
fi
if [ "$1" = wheels ]; then
    want aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu
    [ -e /usr/aarch64-linux-gnu/include/stdlib.h ] || need="$need libc6-dev-arm64-cross"
fi
[ "$1" != fuzz ] || want clang clang

if [ -n "$need" ]; then
    as_root=""
    [ "$(id -u)" = 0 ] || { as_root="sudo -n"; sudo -n true 2>/dev/null || as_root=refused; }
    if [ "$as_root" != refused ] && command -v apt-get >/dev/null 2>&1; then
        echo "podwire: installing$need"
        log=$(mktemp) # apt's output is shown only if it fails
        { $as_root apt-get update -qq && $as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq \
            --no-install-recommends $need; } >"$log" 2>&1 || { cat "$log"; exit 1; }
        rm -f "$log"
    else
        echo "podwire: these programs are missing. Run: sudo apt-get install$need" >&2
        # tests skip, loudly, what they lack, and wheels that cannot be built are named; the lab cannot
        { [ "$1" = test ] || [ "$1" = wheels ]; } && python3 -c 'import ensurepip, venv' 2>/dev/null || exit 1
    fi
fi

python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "podwire: Python 3.11 or newer is needed; this is $(python3 --version)." >&2
    exit 1
}
stamp=$(cat requirements.lock pyproject.toml setup.py collectors/capture/*.p[xy]* | cksum)
if [ ! -x .venv/bin/podwire ] || [ "$(cat .venv/stamp 2>/dev/null)" != "$stamp" ]; then
    echo "podwire: setting up .venv: its dependencies"
    [ -x .venv/bin/python ] || python3 -m venv .venv
    .venv/bin/pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
    echo "podwire: setting up .venv: podwire (a minute or so where there is a compiler for its core)"
    .venv/bin/pip install -q --disable-pip-version-check --no-build-isolation --no-deps -e .
    echo "$stamp" > .venv/stamp
fi
