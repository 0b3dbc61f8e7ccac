#!/bin/sh
# All tests. Groups run in two processes, the longest first, and beside them those that wait for real terminals, which
# need little; those that look at the whole machine or at time run after them, alone. Any arguments: one plain pytest
# with them.
set -u
cd "$(dirname "$0")/.."
pytest=.venv/bin/pytest
[ $# -eq 0 ] || exec "$pytest" "$@"
alone="tests/e2e tests/lab/test_host.py"
terminals="tests/tui/test_terminals.py tests/tui/test_hostile.py"
packets=$(echo tests/collectors/test_dissect.py tests/collectors/test_flows.py \
    tests/collectors/test_foreign_captures.py tests/collectors/test_pcap*.py)
rest=$(ls -d tests/*/ tests/test_*.py | grep -vE '/(lab|diagnosis|collectors|tui|e2e|data|support|__pycache__)/$' | tr '\n' ' ')
failed=0
little() {
    code=0
    tools/test_group.sh "$terminals" || code=1
    # the packets once more, by the same code as Python
    PODWIRE_PURE=1 tools/test_group.sh "$packets" || code=1
    return "$code"
}
little &
beside=$!
without=$(printf -- ' --ignore=%s' $terminals)
printf '%s\n' "tests/lab --ignore=tests/lab/test_host.py" "$rest" "tests/tui$without" tests/collectors tests/diagnosis |
    xargs -P 2 -I '{}' tools/test_group.sh '{}' || failed=1
wait "$beside" || failed=1
# shellcheck disable=SC2086
"$pytest" $alone || failed=1
exit "$failed"
