"""`podwire join`: how the session is reached that a colleague shares."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from cli.messages import print_message
from collectors.errors import ConfigError

if TYPE_CHECKING:
    from session.share.links import SessionLink


def relay(options: argparse.Namespace) -> int:
    """`--stdio`: for a console on another machine."""
    from session.share.place import found_session
    from session.share.relay import relay as relayed

    if sys.stdout.isatty():
        raise ConfigError(
            "--stdio is for a console on another machine: podwire join --ssh THIS-MACHINE"
        )
    relayed(found_session(options.session), sys.stdin.fileno(), sys.stdout.fileno())
    return 0


async def link(options: argparse.Namespace) -> SessionLink:
    """To the session that is asked for. A command has begun: it may ask for a password before the
    console has the terminal."""
    from session.share import links
    from session.share.place import found_session

    if options.via and options.session:
        raise ConfigError("With --via, the command names the session: leave SESSION out.")
    if not options.ssh and not options.via:
        return links.SocketLink(found_session(options.session))
    argv = (
        links.given_command(options.via)
        if options.via
        else links.ssh_command(options.ssh, options.session)
    )
    made = links.CommandLink(argv, print_message)
    await made.begin()
    return made
