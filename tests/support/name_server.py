"""An API server that lists a few names, or is silent, with a kubeconfig that leads there."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

NAMES = {
    "/api/v1/namespaces": ("shop", "data"),
    "/api/v1/nodes": ("n1", "n2"),
    "/api/v1/namespaces/shop/pods": ("web-1", "web-2", "$(id)"),
    "/api/v1/namespaces/data/pods": ("db-0",),
    "/api/v1/namespaces/shop/services": ("web",),
    "/apis/apps/v1/namespaces/shop/deployments": ("web",),
}


class Answers(BaseHTTPRequestHandler):
    silent_s = 0.0

    def do_GET(self) -> None:
        time.sleep(self.silent_s)
        names = NAMES.get(self.path.partition("?")[0])
        items = [{"metadata": {"name": name}} for name in names or ()]
        body = json.dumps({"kind": "List", "items": items}).encode()
        self.send_response(200 if names else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def kubeconfig(path: Path, server: str, user: dict[str, Any] | None = None) -> Path:
    """One context, `prod`, with the namespace shop; another whose name a shell would run."""
    context = {"cluster": "c", "user": "u", "namespace": "shop"}
    contexts = [{"name": name, "context": context} for name in ("prod", "a:b@c", "$(touch$IFS-x)")]
    document = {
        "current-context": "prod",
        "contexts": contexts,
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": user or {}}],
    }
    path.write_text(json.dumps(document))
    return path


@contextmanager
def name_server(silent_s: float = 0.0) -> Iterator[str]:
    """Its URL. `silent_s`: seconds before it answers."""
    handler = type("Late", (Answers,), {"silent_s": silent_s})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
