"""The Textual console: consumes the stream, asks collectors to act."""
