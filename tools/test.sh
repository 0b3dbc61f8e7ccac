#!/bin/sh
# All tests. Groups of those that mostly wait run in two processes, the longest first; those that look at the whole
# machine or at time run after them, alone. Any arguments: one plain pytest with them.
set -u
cd "$(dirname "$0")/.."
pytest=.venv/bin/pytest
[ $# -eq 0 ] || exec "$pytest" "$@"
alone="tests/e2e tests/lab/test_host.py"
rest=$(ls -d tests/*/ tests/test_*.py | grep -vE '/(lab|diagnosis|collectors|tui|e2e|data|support|__pycache__)/$' | tr '\n' ' ')
failed=0
printf '%s\n' "tests/lab --ignore=tests/lab/test_host.py" tests/tui tests/collectors tests/diagnosis "$rest" |
    xargs -P 2 -I '{}' tools/test_group.sh '{}' || failed=1
# the packets once more, by the same code as Python
PODWIRE_PURE=1 "$pytest" tests/collectors/test_dissect.py tests/collectors/test_flows.py \
    tests/collectors/test_foreign_captures.py tests/collectors/test_pcap*.py || failed=1
# shellcheck disable=SC2086
"$pytest" $alone || failed=1
exit "$failed"
