"""The only place that talks to a Kubernetes API server."""
