"""What the cluster holds, as rows: lists and watches, manifests, network settings."""
