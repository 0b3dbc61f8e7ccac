"""`python -m lab.faults > docs/faults.md`: the reference of the lab's faults, from their files."""

from __future__ import annotations

import sys

from lab.faults import Fault, all_faults

HEAD = """# The lab's faults

Made from `lab/faults/*.toml` by `python -m lab.faults > docs/faults.md`; edit the files, not this
page. Each fault is proved by `tests/lab/test_faults.py` with plain clients in the lab's namespaces:
that it is real, that it goes away, and that nothing else breaks. `NAMESPACE/APP@NODE` is a pod,
`NODE` a node's own namespace.
"""


def _clients(fault: Fault) -> str:
    rows = []
    for probe in fault.probes:
        healthy = f"`{probe.healthy}` in health, " if probe.healthy else ""
        rows.append(
            f"`{' '.join(probe.run)}` at `{probe.at}` says {healthy}`{probe.faulty}` with the fault"
        )
    return "; ".join(rows)


def section(fault: Fault) -> str:
    moves = "; ".join(
        f"{', '.join(f'`{name}`' for name in names)} at `{at}`" for at, names in fault.moves.items()
    )
    lines = [
        f"## {fault.title}",
        "",
        f"`podwire lab fault on {fault.name}`",
        "",
        fault.what,
        "",
        f"- **To be seen**: {fault.expect}",
        f"- **To be found**: {fault.find}",
        *([f"- **Counters that move**: {moves}."] if moves else []),
        f"- **Proof**: {_clients(fault)}.",
        *([f"- **May also disturb**: {', '.join(fault.breaks)}."] if fault.breaks else []),
        "",
    ]
    return "\n".join(lines)


def page() -> str:
    return "\n".join([HEAD, *(section(fault) for fault in all_faults().values())])


if __name__ == "__main__":
    sys.stdout.write(page())
