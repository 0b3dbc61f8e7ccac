"""Socket tables from `ss`, netlink and /proc as the same rows."""
