"""Pure functions over snapshots: what is wrong, why, and what mends it."""

RULES_GROUP = "podwire.rules"  # of entry points: rules of other packages
