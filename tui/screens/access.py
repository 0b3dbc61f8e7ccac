"""What this user may do here, what each missing right is for, and the Role that would grant it."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from collectors.cluster.api.access_review import missing_role
from collectors.events import AccessReview
from tui.screens.dialog import dialog_keys, dialog_title
from tui.screens.leaving import Dialog
from tui.screens.text_view import Document


class Access(Dialog[None]):
    def __init__(self, review: AccessReview, user: str) -> None:
        super().__init__()
        self.review = review
        self.user = user

    def compose(self) -> ComposeResult:
        where = f"namespace {self.review.namespace}" if self.review.namespace else "all namespaces"
        keys = "r  the Role that is missing   esc  back" if self.review.refused else "esc  back"
        with Vertical(classes="dialog wide"):
            yield dialog_title(f"Permissions of {self.user}, {where}")
            yield Static(self._table(), markup=False)
            yield dialog_keys(keys)

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for row in self.review.rows:
            mark = Text("✕ no", style="bold") if row.missing else Text("✓ yes", style="dim")
            lacking = f"needs {' '.join(row.missing)} {row.resource}" if row.missing else ""
            table.add_row(mark, Text(row.use), Text(lacking))
        return table

    def on_key(self, event: events.Key) -> None:
        event.stop()
        if event.key in ("escape", "q", "p"):
            self.dismiss(None)
        elif event.key == "r" and self.review.refused:
            role = missing_role(self.review.rows, self.user)
            title = "Apply with kubectl apply -f -, as a user who may grant it"
            self.app.push_screen(Document(title, role))
