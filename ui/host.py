"""Where the page is served, and who can reach it, as the command line has it.

Only the standard library is imported at once: `launch.py --help` reads this too.
"""

import argparse
import errno
import os
import socket
from typing import TYPE_CHECKING

from ui.arguments import FIRST_PORT, SHARED_PER_VISITOR

if TYPE_CHECKING:
    from ui.passcode import Door
    from ui.reach import Reach

N_PORTS = 100
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def choose_host(options: argparse.Namespace) -> str:
    """The address to listen on."""
    return options.host or ("0.0.0.0" if options.share else "127.0.0.1")


def choose_port(host: str, wanted: int | None) -> int:
    """The port asked for, or the first free one.

    Raises:
        AssistantError: The port asked for, or every port tried, is in use; or the address is none
            of this computer.
    """
    from assistant.errors import AssistantError

    ports = range(FIRST_PORT, FIRST_PORT + N_PORTS) if wanted is None else (wanted,)
    reason = ""
    for port in ports:
        try:
            with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
                if os.name != "nt":  # there it would allow two servers on one port
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((host, port))
                return probe.getsockname()[1]
        except (OSError, OverflowError) as error:
            reason = (getattr(error, "strerror", None) or str(error)).rstrip(".")
            if isinstance(error, socket.gaierror) or (
                isinstance(error, OSError) and error.errno == errno.EADDRNOTAVAIL
            ):
                raise AssistantError(
                    f"{host} is no address of this computer ({reason}). Check --host, or leave it"
                    " out to listen on 127.0.0.1."
                ) from error
    if wanted is not None:
        raise AssistantError(
            f"Port {wanted} on {host} cannot be used: {reason}. Choose another with --port, or "
            "leave --port out to get a free one."
        )
    raise AssistantError(f"No free port from {ports[0]} to {ports[-1]} on {host}: {reason}.")


def is_local_only(options: argparse.Namespace) -> bool:
    """Whether only this machine can reach the page."""
    return choose_host(options) in LOOPBACK and not options.share


def make_door(options: argparse.Namespace, host: str) -> tuple["Door | None", str | None]:
    """The passcode and its door: on whenever others can reach the page, off on this machine."""
    others_reach_it = options.share or host not in LOOPBACK
    if options.no_passcode or not (others_reach_it or options.passcode):
        return None, None
    from ui.passcode import Door, choose_passcode

    passcode = choose_passcode(options.passcode)
    return Door(passcode), passcode


def make_reach(options: argparse.Namespace, door: "Door | None") -> "Reach":
    """Who can reach the page; `--share` gives it a link to tell of later."""
    from ui.reach import Reach

    if door is not None:
        return Reach("passcode on")
    return Reach("this computer only" if is_local_only(options) else "no passcode")


def questions_at_once(options: argparse.Namespace) -> int:
    """How many questions of one visitor are answered at a time; 0 for no limit."""
    if options.max_per_visitor is not None:
        return options.max_per_visitor
    return 0 if is_local_only(options) else SHARED_PER_VISITOR
