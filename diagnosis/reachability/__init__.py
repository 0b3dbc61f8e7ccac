"""May A talk to B: NetworkPolicy verdicts, Service paths, the connectivity matrix. Pure."""
