#!/bin/sh
# Fuzzes the compiled core under AddressSanitizer and UBSan, and the Python around it: tools/fuzz.sh [SECONDS] (600).
# The core is built by clang in a copy of the sources, build/fuzz/tree; inputs that led further stay in
# build/fuzz/corpus for the next run, those that are faults in build/fuzz/faults.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-600}
work=$PWD/build/fuzz
python=$PWD/.venv/bin/python
mkdir -p "$work/corpus" "$work/faults" "$work/site"

[ -d "$work/site/atheris" ] || "$python" -m pip install -q --disable-pip-version-check --target "$work/site" atheris==3.0.0

# the sources, where they changed, and the core of just these
stamp=$(cat setup.py collectors/capture/*.p[xy]* collectors/dumps/*.pyx | cksum)
rm -rf "$work/sources" && mkdir "$work/sources"
git ls-files -z -co --exclude-standard collectors setup.py pyproject.toml README.md | xargs -0 cp --parents -t "$work/sources"
if [ "$(cat "$work/stamp" 2>/dev/null)" != "$stamp" ]; then
    rm -rf "$work/tree"
    mv "$work/sources" "$work/tree"
    sanitizers=-fsanitize=address,undefined,fuzzer-no-link
    (cd "$work/tree" && CC=clang LDSHARED="clang -shared $sanitizers" PODWIRE_PURE= PYTHONPATH= \
        PODWIRE_CORE_FLAGS="-O1 -g -fno-omit-frame-pointer -fno-wrapv $sanitizers -fno-sanitize-recover=undefined" \
        "$python" setup.py -q build_ext --inplace >"$work/build.log" 2>&1) || { tail -20 "$work/build.log" >&2; exit 1; }
    echo "$stamp" >"$work/stamp"
else
    cp -r "$work/sources/." "$work/tree/"
fi

runtime=$work/site/asan_with_fuzzer.so
[ -e "$runtime" ] || { echo "atheris came without its runtime for native code ($runtime)" >&2; exit 1; }
# -P: the modules of the tree, not those of this folder
exec env LD_PRELOAD="$runtime" PYTHONPATH="$work/tree:$PWD:$work/site" PYTHONMALLOC=malloc PODWIRE_FUZZ_CORE="$work/tree" PODWIRE_PURE= \
    ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1:symbolize=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 \
    "$python" -P -m tests.fuzz.packets "-max_total_time=$seconds" "-artifact_prefix=$work/faults/" -max_len=16384 \
    -rss_limit_mb=2048 -print_final_stats=1 "$work/corpus"
