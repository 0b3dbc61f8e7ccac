"""Pure functions over snapshots: what is wrong, why, and what mends it."""
