#!/bin/sh
# Every method of docs/install.md as a new user has it, in empty roots made by debootstrap: seconds, and what podwire
# says of itself. Needs root, debootstrap, a network and dist/ (make wheels, make bundle); for Ubuntu its keyring (Debian's
# package ubuntu-keyring, or PODWIRE_KEYRING). Changes nothing outside of build/roots (PODWIRE_ROOTS).
# PODWIRE_METHODS="pip names source pipx uv bundle" tries some; PODWIRE_COMPILERS=gcc a checkout with a compiler alone. Usage: tools/roots.sh [bookworm|trixie|sid|noble ...]
set -eu
cd "$(dirname "$0")/.."
here=$PWD
roots=${PODWIRE_ROOTS:-$here/build/roots}
user=visitor
machine=$(uname -m)
failed=0

[ "$(id -u)" = 0 ] || { echo "podwire: debootstrap needs root." >&2; exit 1; }
command -v debootstrap >/dev/null || { echo "podwire: run: apt-get install debootstrap" >&2; exit 1; }
ls dist/podwire-*-none-any.whl >/dev/null || { echo "podwire: run make wheels and make bundle first." >&2; exit 1; }

inside() { # options of unshare, user, command: in the root, with /proc, terminals, and a read-only /srv
    # shellcheck disable=SC2086,SC2016
    unshare --mount --pid --fork --kill-child $1 sh -c '
        mount -t proc proc "$0/proc" &&
        mount -t devpts -o newinstance,ptmxmode=0666 devpts "$0/dev/pts" &&
        { [ -e "$0/dev/ptmx" ] || ln -s pts/ptmx "$0/dev/ptmx"; } &&
        mount --bind "$0/srv" "$0/srv" && mount -o remount,ro,bind "$0/srv" &&
        exec chroot --userspec="$1" "$0" env -i $3 LANG=C.UTF-8 TERM=xterm-256color \
            PATH=/home/'$user'/.local/bin:/usr/sbin:/usr/bin:/sbin:/bin sh -c "cd; $2"
    ' "$root" "$2" "$3" "HOME=/home/$user $certificates"
}

timed() { # what it is, who, command: its seconds, those of CPU (a busy machine does not count there), what became of it
    began=$(date +%s)
    times >"$roots/before"
    if inside "" "$2" "$3" >"$log" 2>&1; then
        times >"$roots/after"
        printf '%s: %s: %d s, %s s of CPU' "$system" "$1" $(($(date +%s) - began)) "$(
            awk -F '[ms ]+' 'FNR == 2 { used[FILENAME] = $1 * 60 + $2 + $3 * 60 + $4 }
                END { printf "%.0f", used[ARGV[2]] - used[ARGV[1]] }' "$roots/before" "$roots/after"
        )"
    else
        failed=1
        printf '%s: %s: FAILED\n' "$system" "$1"
        tail -5 "$log"
        return 1
    fi
}

tried() { # what it is, command that installs, command that runs podwire, command that removes
    inside "" "$user" "rm -rf .cache" || true
    timed "$1" "$user" "$2" || return 0
    printf '; %s; ' "$(inside "" "$user" "$3 --version" 2>&1)"
    printf '%s flows of lab.pcap; ' "$(inside --net "$user" "$3 pcap /srv/lab.pcap -o jsonl --flows" 2>&1 | grep -c '^{')"
    printf 'first frame of demo: %s\n' "$(inside --net "$user" "python3 /srv/first_frame.py 1 $3 demo" 2>&1 | cut -d , -f 1)"
    [ -z "${4:-}" ] || inside "" "$user" "$4" >/dev/null 2>&1 || failed=1
}

archive() { # where a system is from, for debootstrap: options; mirror and script
    case $system in
        jammy | noble | plucky | questing)
            options="--components=main,universe --keyring=${PODWIRE_KEYRING:-/usr/share/keyrings/ubuntu-archive-keyring.gpg}"
            from="${PODWIRE_UBUNTU:-http://archive.ubuntu.com/ubuntu} gutsy" ;;
        *) options="" from=${PODWIRE_MIRROR:-http://deb.debian.org/debian} ;;
    esac
}

made() { # a root with its Python, without pip and without a compiler
    [ -e "$root/srv/lab.pcap" ] || {
        rm -rf "$root"
        archive
        # shellcheck disable=SC2086
        nice debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates $options "$system" "$root" $from \
            >"$roots/$system.log" 2>&1 || { tail -3 "$roots/$system.log"; return 1; }
        chroot "$root" useradd --create-home "$user"
    }
    rm -rf "$root/srv"
    mkdir -p "$root/srv/clone"
    git ls-files -z | grep -zv '^tests/' | tar --null -T - -c | tar -x -C "$root/srv/clone"
    cp $(ls dist/podwire-*.whl dist/podwire-*.pyz 2>/dev/null) tools/first_frame.py "$root/srv/"
    python3 tools/strangers.py "$root/srv"
    cp tests/data/lab.pcap "$root/srv/"
    cp /etc/resolv.conf "$root/etc/"
    certificates=""
    if [ -n "${PIP_CERT:-}" ]; then # a registry behind a certificate of one's own
        cp "$PIP_CERT" "$root/etc/ssl/certs/ca-certificates.crt"
        certificates="PIP_CERT=$PIP_CERT SSL_CERT_FILE=$PIP_CERT"
    fi
}

bundled() { # without a network, without HOME, from a read-only folder, beside the installed one
    pyz=/srv/$(basename "$(ls dist/podwire-*-"$machine".pyz)")
    alone="env -u HOME python3 $pyz"
    inside --net "$user" "rm -rf .cache"
    printf '%s: bundle: first start %s; ' "$system" \
        "$(inside --net "$user" "python3 /srv/first_frame.py 1 $alone demo" 2>&1 | cut -d , -f 1)"
    inside --net "$user" "$alone --version" 2>&1
    inside --net "$user" "$alone pcap /srv/lab.pcap -o jsonl --flows" 2>&1 | grep -c '^{' | sed "s/\$/ flows of lab.pcap/"
    inside --net "$user" "$alone lab --check" 2>&1 | tail -1
    inside --net "$user" "python3 /srv/first_frame.py ${PODWIRE_STARTS:-9} venv/bin/podwire demo -- $alone demo" 2>&1
}

wants() { case " ${PODWIRE_METHODS:-pip names source pipx uv bundle} " in *" $1 "*) ;; *) return 1 ;; esac; }

for system in "${@:-bookworm}"; do
    root=$roots/$system log=$roots/$system.out
    mkdir -p "$roots"
    made || { failed=1; continue; }
    python=$(inside "" "$user" "python3 -c 'import sys; print(\"cp%d%d\" % sys.version_info[:2])'")
    pure=/srv/$(basename "$(ls dist/podwire-*-none-any.whl)")
    own=$(cd dist && ls podwire-*-"$python"-"$python"-*"$machine".whl 2>/dev/null | head -1)
    best=${own:+/srv/$own} best=${best:-$pure} # as make wheels and this root's Python have it
    apt="apt-get -qq -o APT::Sandbox::User=root"
    venv="rm -rf venv && python3 -m venv venv && venv/bin/pip install -q"

    if wants pip; then
        tried "pip install, pure wheel" "$venv $pure" venv/bin/podwire
        [ "$best" = "$pure" ] || tried "pip install, wheel with the core" "$venv $best" venv/bin/podwire
    fi
    # packages of others that are called cli, session, collectors and tui
    wants names && tried "beside packages of the same names, installed before and after" \
        "$venv /srv/before-*.whl $pure && venv/bin/pip install -q /srv/after-*.whl &&
         venv/bin/python -c 'import cli, tui; assert (cli.OWNER, tui.OWNER) == (\"before\", \"after\")'" venv/bin/podwire
    clone="rm -rf clone && cp -r /srv/clone ."
    if wants pipx || wants uv; then
        timed "apt-get install pipx" root "$apt update && $apt install -y --no-install-recommends pipx" && echo
    fi
    if wants uv; then
        timed "pipx install uv" "$user" "pipx install uv" && echo
    fi
    # the others of a checkout first without a compiler, which apt-get brings after them
    for compiler in ${PODWIRE_COMPILERS:-none gcc}; do
        if [ "$compiler" = gcc ] && wants source; then
            timed "apt-get install gcc libc6-dev python3-dev" root \
                "$apt update && $apt install -y --no-install-recommends gcc libc6-dev python3-dev" && echo
        fi
        wants source || break
        wants pip && tried "pip install ., compiler: $compiler" "$clone && $venv ./clone" venv/bin/podwire
        wants pipx && tried "pipx install ., compiler: $compiler" "$clone && cd clone && pipx install ." podwire \
            "pipx uninstall podwire"
        wants uv && tried "uv tool install ., compiler: $compiler" "$clone && cd clone && uv tool install -q ." podwire \
            "uv tool uninstall podwire"
    done
    wants pipx && tried "pipx install" "pipx install $best" podwire "pipx uninstall podwire"
    wants uv && tried "uv tool install" "uv tool install -q $best" podwire "uv tool uninstall podwire"
    if wants bundle && ls dist/podwire-*-"$machine".pyz >/dev/null; then
        inside "" "$user" "$venv $best" >"$log" 2>&1
        bundled
    fi
done
exit $failed
