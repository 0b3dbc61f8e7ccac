"""Gathers evidence from clusters, kernels and wires. Never imports textual, tui or diagnosis."""
