#!/bin/sh
# The tests that need neither the lab (root, namespaces) nor screens that move, and that do not wait
# for seconds, in two processes; of made input a quarter of the examples that `make test` has.
# Any arguments: one plain pytest with them.
set -u
cd "$(dirname "$0")/.."
pytest=".venv/bin/python -m pytest -p no:cacheprovider --hypothesis-profile=unit"
wanted="not lab and not screen and not slow"
[ $# -eq 0 ] || exec $pytest -m "$wanted" "$@"
beside=$(mktemp)
trap 'rm -f "$beside"' EXIT
$pytest -m "$wanted" tests/collectors tests/cli >"$beside" 2>&1 &
first=$!
failed=0
$pytest -m "$wanted" --ignore=tests/collectors --ignore=tests/cli || failed=1
wait "$first" || failed=1
cat "$beside"
exit "$failed"
