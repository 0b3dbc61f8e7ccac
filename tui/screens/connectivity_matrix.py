"""The connectivity matrix: which workloads of a namespace may connect to which, on declared
ports."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from textual.app import ComposeResult
from textual.widgets import Footer

from collectors.events import PodRow
from diagnosis.reachability.connectivity_matrix import reach
from diagnosis.reachability.cluster_state import ClusterState
from diagnosis.reachability.verdicts import Outcome
from session.controller import Controller
