#!/bin/sh
# All tests. Those that mostly wait run side by side in two processes; those that look at the whole machine or at time
# run after them, alone. Any arguments: one plain pytest with them.
set -u
cd "$(dirname "$0")/.."
pytest=.venv/bin/pytest
[ $# -eq 0 ] || exec "$pytest" "$@"
alone="tests/e2e tests/lab/test_host.py"
beside=$(mktemp)
trap 'rm -f "$beside"' EXIT
"$pytest" -p no:cacheprovider tests/lab tests/diagnosis --ignore=tests/lab/test_host.py >"$beside" 2>&1 &
lab=$!
failed=0
"$pytest" --ignore=tests/lab --ignore=tests/diagnosis --ignore=tests/e2e || failed=1
wait "$lab" || failed=1
cat "$beside"
# shellcheck disable=SC2086
"$pytest" $alone || failed=1
exit "$failed"
