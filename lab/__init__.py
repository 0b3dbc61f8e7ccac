"""The embedded practice cluster: real namespaces, real traffic, real faults, behind the Kubernetes
API."""
