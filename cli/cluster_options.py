"""What the commands without a console share: the cluster that is asked for."""

from __future__ import annotations

import argparse

from collectors.cluster.api.connection import ConnectionRequest
from collectors.cluster.api.credentials import Impersonation


def connection_request(options: argparse.Namespace) -> ConnectionRequest:
    """The cluster that the command line asks for."""
    return ConnectionRequest(
        kubeconfig=options.kubeconfig,
        context=options.context[-1] if options.context else None,
        namespace="" if options.all_namespaces else options.namespace,
        impersonation=Impersonation(
            options.as_user or "", options.as_uid or "", tuple(options.as_group or ())
        ),
    )
