"""What the app draws with: its theme, and filters for terminals that have less."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import App
from textual.binding import Binding
from textual.filter import LineFilter, Monochrome, NoColor

from tui.keymap import KEYS
from tui.line_filters import AsciiOnly, colour_filters
from tui.look import TerminalLook
from tui.ring import following
from tui.themes import as_textual

NOTICE_S = 20.0


class ThemedApp(App[int]):
    look: TerminalLook = TerminalLook()
    _has_theme = False
    _line_filters: tuple[LineFilter, ...] = ()

    def get_css_variables(self) -> dict[str, str]:
        """None before there is a theme: those of Textual's own are not needed."""
        return super().get_css_variables() if self._has_theme else {}

    def begin_with(self, name: str) -> None:
        """Set before the style sheets are read: a later change reads and applies them all again."""
        self._prepare(name)
        self._has_theme = True
        self.set_reactive(App.theme, name)
        self.stylesheet.set_variables(self.get_css_variables())
        self.set_class(self.current_theme.dark, "-dark-mode", update=False)
        self.set_class(not self.current_theme.dark, "-light-mode", update=False)

    def use_keys(self) -> None:
        """The user's, in place of those of the table."""
        KEYS.use(self.look.keymap, self.look.is_ascii)
        if self.look.keymap:
            self.set_keymap(dict(self.look.keymap))

    def get_key_display(self, binding: Binding) -> str:
        """The first key of an action, whichever of its bindings is asked about."""
        return KEYS.write(KEYS.first(binding.id, binding.key))

    def _prepare(self, name: str) -> None:
        """A theme, and the filters of its palette."""
        theme = self.look.theme_file(name)
        self.register_theme(as_textual(theme))
        colours = colour_filters(theme)
        self._line_filters = (*colours, *([AsciiOnly()] if self.look.is_ascii else ()))

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Textual's own for NO_COLOR draws in shades of grey: the theme of that variable draws in
        none, and another was asked for."""
        usual = [
            one for one in super().get_line_filters() if not isinstance(one, Monochrome | NoColor)
        ]
        return [*usual, *self._line_filters]

    def say_notices(self) -> None:
        for text in self.look.notices:
            self.notify(text, severity="warning", timeout=NOTICE_S, markup=False)

    def action_next_theme(self) -> None:
        self.change_theme(following(self.look.names, self.theme))

    def change_theme(self, name: str) -> None:
        self._prepare(name)
        self.theme = name
