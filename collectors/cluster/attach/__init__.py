"""What podwire adds to a cluster: plans, debug containers, node pods, and their removal."""
