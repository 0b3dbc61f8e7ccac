"""Kernel counters: what they mean, how they are read, how they become rates."""
