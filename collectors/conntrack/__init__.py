"""The connection tracking table: its entries, read from netlink or from `conntrack -L`, and what
fills it."""
