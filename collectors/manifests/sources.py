"""The texts of manifests: files, directories with all below them, and standard input."""

from __future__ import annotations

import codecs
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from collectors.errors import ConfigError
from collectors.frozen import frozen
from collectors.sanitize import sanitize

LARGEST = 64 << 20  # bytes of one text
STDIN = Path("-")
SUFFIXES = (".yaml", ".yml", ".json")  # those that kubectl reads of a directory
MOST_FILES = 10_000
# what stands in a directory whose files are input of another tool: file name, what it is, the tool
UNRENDERED = (
    ("kustomization.yaml", "a Kustomize directory", "kubectl kustomize"),
    ("kustomization.yml", "a Kustomize directory", "kubectl kustomize"),
    ("Kustomization", "a Kustomize directory", "kubectl kustomize"),
    ("Chart.yaml", "a Helm chart", "helm template"),
)

LATER_MARK = "\n\ufeff"  # a byte order mark where files were joined


@frozen
class ManifestText:
    """`name` is fit to be shown; `suffix` is that of the file, '' for standard input."""

    name: str
    suffix: str
    text: str


def texts(paths: Iterable[Path]) -> Iterator[ManifestText]:
    """In the order given, a directory's files sorted. ConfigError for what cannot be read."""
    for path in paths:
        if path == STDIN:
            yield _text(path, "standard input", sys.stdin.buffer.read(LARGEST + 1))
        elif path.is_dir():
            yield from map(_read, _files_below(path))
        else:
            _check_rendered(path)
            _check_no_url(path)
            yield _read(path)


def _files_below(folder: Path) -> list[Path]:
    found: list[Path] = []
    for path in sorted(folder.rglob("*")):
        _check_rendered(path)
        if path.suffix in SUFFIXES and path.is_file():
            found.append(path)
        if len(found) > MOST_FILES:
            raise ConfigError(f"{_shown(folder)} holds more than {MOST_FILES} manifests.")
    if not found:
        raise ConfigError(f"{_shown(folder)} holds no manifest ({', '.join(SUFFIXES)}).")
    return found


def _check_rendered(path: Path) -> None:
    """ConfigError for a file that is input of another tool."""
    for name, what, tool in UNRENDERED:
        if path.name == name:
            folder = _shown(path.parent)
            raise ConfigError(
                f"{folder} is {what}: what would be applied is the output of `{tool} {folder}`. "
                f"Pipe it in: {tool} {folder} | podwire policy -f - …"
            )


def _check_no_url(path: Path) -> None:
    """ConfigError for what kubectl would load."""
    scheme, _, rest = str(path).partition(":/")
    if scheme in ("http", "https"):
        url = sanitize(f"{scheme}://{rest.lstrip('/')}", 200)
        pipe = f"curl -fsSL {url} | podwire policy -f - …"
        raise ConfigError(f"{url} is a URL, and podwire loads none. Pipe it in: {pipe}")


def _read(path: Path) -> ManifestText:
    try:
        with path.open("rb") as file:
            return _text(path, _shown(path), file.read(LARGEST + 1))
    except OSError as error:
        raise ConfigError(f"{_shown(path)} cannot be read: {error.strerror}.") from None


def _text(path: Path, name: str, data: bytes) -> ManifestText:
    if len(data) > LARGEST:
        raise ConfigError(f"{name} is larger than {LARGEST >> 20} MiB.")
    try:
        text = data.decode(_encoding(data)).replace(LATER_MARK, "\n")
        return ManifestText(name, path.suffix, text)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{name}:{line}: not text: {error.reason}.") from None


def _encoding(data: bytes) -> str:
    is_utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return "utf-16" if is_utf16 else "utf-8-sig"


def _shown(path: Path) -> str:
    return sanitize(str(path), 200)
