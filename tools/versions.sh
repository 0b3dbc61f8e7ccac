#!/bin/sh
# The unit tests (tools/unit.sh) on every CPython from 3.11 to 3.14 that this machine has, and on the oldest and the newest
# dependencies that pyproject.toml admits. Each in a clone of what is committed, with an environment of its own, in
# build/versions. Warnings of what will go from Python are errors there, as in every run of the tests.
# Usage: tools/versions.sh [PYTHON[=locked|oldest|newest] ...], e.g. python3.13 python3.11=oldest
# PODWIRE_PURE=1: without compiling the core, which is most of the time.
set -u
cd "$(dirname "$0")/.."
here=$PWD
PATH="$PATH:$(printf %s: "$HOME"/.pyenv/versions/3.1[1-4]*/bin)"
folder=$here/build/versions
failed=0

ranges() { # oldest|newest: what pyproject.toml asks for, as words for pip
    .venv/bin/python - "$1" <<'END'
import re, sys, tomllib
project = tomllib.load(open("pyproject.toml", "rb"))["project"]
for wanted in (*project["dependencies"], *project["optional-dependencies"]["socks"]):
    print(re.sub(r">=([\d.]+).*", r"==\1", wanted) if sys.argv[1] == "oldest" else wanted)
END
}

prepared() { # Python, which dependencies, folder
    rm -rf "$3"
    git clone -q --no-hardlinks "$here" "$3" && cd "$3" &&
        "$1" -m venv .venv &&
        .venv/bin/pip install -q --disable-pip-version-check --require-hashes -r requirements.lock &&
        .venv/bin/pip install -q --disable-pip-version-check --no-build-isolation --no-deps -e . &&
        { [ "$2" = locked ] || ranges "$2" | xargs .venv/bin/pip install -q --disable-pip-version-check --upgrade; } &&
        .venv/bin/python -W error -m compileall -q -f cli collectors diagnosis lab podwire session themes tools tui
}

tried() { # Python, which dependencies
    name=$("$1" -c 'import platform; print(platform.python_version())')
    place=$folder/$name-$2 log=$folder/$name-$2.log
    mkdir -p "$folder"
    before=$(date +%s)
    if (prepared "$1" "$2" "$place") >"$log" 2>&1; then
        (cd "$place" && env -u PODWIRE_PURE tools/unit.sh) >>"$log" 2>&1 && outcome=passed || outcome=FAILED
        counted=$(grep -aE '^[0-9]+ (passed|failed)' "$log" | tr '\n' ';')
        core=$(cd "$place" && .venv/bin/podwire --version | head -1)
        parts=$("$place/.venv/bin/pip" list --format=freeze 2>/dev/null | grep -iE '^(textual|kubernetes)=' | tr '\n' ' ')
        echo "$outcome: $core; $2 dependencies: $parts; $(($(date +%s) - before)) s; $counted"
    else
        outcome=FAILED
        echo "FAILED: Python $name with the $2 dependencies could not be set up:"
        tail -5 "$log"
    fi
    [ "$outcome" = passed ] || { failed=1; grep -aE '^(FAILED|ERROR) ' "$log" | head -20; echo "  all of it: $log"; }
}

if [ $# -eq 0 ]; then
    for python in python3.11 python3.12 python3.13 python3.14; do
        command -v "$python" >/dev/null && set -- "$@" "$python" || echo "not tried: there is no $python on this machine"
    done
    [ $# -eq 0 ] || set -- "$@" "$1=oldest" "$1=newest"
fi
for one in "$@"; do
    case $one in *=*) tried "${one%=*}" "${one#*=}" ;; *) tried "$one" locked ;; esac
done
exit $failed
