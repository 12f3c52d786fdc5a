"""The public link: made in a thread, tried again when it fails, renewed when it ends.

The page is served before and whatever happens here; `tunnel.py` has the steps themselves.
"""

import logging
import socket
import threading
from collections.abc import Callable, Sequence

from ui.reach import LinkState
from ui.tunnel import OpenTunnel, ShareError, Steps

logger = logging.getLogger(__name__)

WAITS = (2.0, 5.0, 15.0, 30.0, 60.0)  # seconds before each new try
OWN_TUNNEL = (
    "A tunnel of your own works too: point it at the local address above and keep the passcode on."
)


class ShareLink:
    """Makes the link in a thread, tries again with growing waits, and renews a link that ends.

    Args:
        steps: How a link is made.
        announce: Called with a sentence for the host whenever something changes.
        waits: Seconds before each new try.
    """

    def __init__(
        self,
        steps: Steps,
        *,
        announce: Callable[[str], None],
        waits: Sequence[float] = WAITS,
    ) -> None:
        self._steps = steps
        self._announce = announce
        self._waits = tuple(waits)
        self._closing = threading.Event()
        self._tunnel: OpenTunnel | None = None
        self._thread = threading.Thread(target=self._run, name="share-link", daemon=True)

    @property
    def state(self) -> LinkState:
        """For the page's header."""
        if self._tunnel is not None:
            return "open"
        return "asking" if self._thread.is_alive() else "given up"

    @property
    def url(self) -> str | None:
        """The link, while there is one."""
        return self._tunnel.url if self._tunnel is not None else None

    def start(self) -> None:
        """Begin; the page is served meanwhile."""
        self._thread.start()

    def join(self, timeout: float | None = None) -> None:
        """Wait until the link is given up or closed."""
        self._thread.join(timeout)

    def close(self) -> None:
        """End the link."""
        self._closing.set()
        if self._tunnel is not None:
            self._tunnel.close()

    def _run(self) -> None:
        while not self._closing.is_set():
            tunnel = self._open_with_retries()
            if tunnel is None:
                return
            self._tunnel = tunnel
            if self._closing.is_set():  # closed while the tunnel was being opened
                tunnel.close()
                return
            self._announce(
                f"Public link:     {tunnel.url}\n"
                "  The relay keeps it for a week at most, often less; then a new one appears here."
            )
            tunnel.wait()
            self._tunnel = None
            if not self._closing.is_set():
                self._announce("The public link has ended; asking for a new one.")

    def _open_with_retries(self) -> OpenTunnel | None:
        """A tunnel, or None when it is given up."""
        shown = ""
        for wait in (*self._waits, None):
            try:
                relay = self._steps.find_relay()
                return self._steps.open_tunnel(self._steps.fetch_program(), relay)
            except ShareError as error:
                if self._closing.is_set():
                    return None
                gives_up = error.lasting or wait is None
                if str(error) != shown or gives_up:
                    shown = str(error)
                    ending = f"Given up. {OWN_TUNNEL}" if gives_up else "Trying again."
                    self._announce(
                        f"{shown}\n  The assistant stays up at the addresses above. {ending}"
                    )
                if gives_up or self._closing.wait(wait):
                    return None
        return None


def lan_addresses() -> list[str]:
    """The addresses of this machine in its network; nothing is sent to find them."""
    found: list[str] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # A reserved documentation address: connecting a datagram socket only picks a route.
            probe.connect(("192.0.2.1", 9))
            found.append(probe.getsockname()[0])
        except OSError:
            logger.debug("no route out of this machine")
    try:
        own = socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)
        found += [str(place[0]) for *_, place in own]
    except OSError:
        logger.debug("this machine's name has no address")
    return [name for name in dict.fromkeys(found) if not name.startswith(("127.", "0."))]
