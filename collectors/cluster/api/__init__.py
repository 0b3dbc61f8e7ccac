"""The API server: kubeconfig, credentials, transport, requests, exec streams."""
