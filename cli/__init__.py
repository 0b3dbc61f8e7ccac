"""The command line: one module a command. Knows no textual but in `console`, which starts the
screens."""
