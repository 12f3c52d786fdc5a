"""A tunnel to a public relay, step by step, so that a failure says which step it was.

    relay address ─► tunnel program (frpc) ─► tunnel

The page framework's own `share=True` is not used: it loads its scripts from another host, writes
into the working directory and says "check your internet connection" for every failure. The relay
and the tunnel program are the same; `GRADIO_SHARE_SERVER_ADDRESS=host:port` names an own relay.
"""

import logging
import os
import secrets
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from assistant.errors import AssistantError

logger = logging.getLogger(__name__)

Step = Literal["relay address", "tunnel program", "tunnel"]
TUNNEL_SECONDS = 30.0


class ShareError(AssistantError):
    """One step of making the link failed.

    Args:
        step: Which one.
        message: Why, and what to do.
        lasting: Trying again cannot help.
    """

    def __init__(self, step: Step, message: str, *, lasting: bool = False) -> None:
        super().__init__(f"No public link: the step “{step}” failed. {message}")
        self.step = step
        self.lasting = lasting


@dataclass(frozen=True)
class Relay:
    """Where the tunnel goes; `certificate` is the PEM text that proves it is that relay."""

    host: str
    port: int
    certificate: str | None


class OpenTunnel(Protocol):
    """A running tunnel."""

    url: str

    def wait(self) -> None:
        """Block until the tunnel ends."""

    def close(self) -> None:
        """End the tunnel."""


class Steps(Protocol):
    """The three steps; a test brings its own."""

    def find_relay(self) -> Relay:
        """Ask which relay to use."""

    def fetch_program(self) -> Path:
        """Have the tunnel program on disk."""

    def open_tunnel(self, program: Path, relay: Relay) -> OpenTunnel:
        """Start the tunnel and wait for its address."""


class GradioSteps:
    """The steps with Gradio's relay and tunnel program (frpc).

    Args:
        port: The local port that the tunnel leads to.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        # The relay derives the link from it: the same text gives the same link after a break.
        self.name = secrets.token_urlsafe(32)

    def find_relay(self) -> Relay:
        """Ask Gradio's address service, unless an own relay is named.

        Raises:
            ShareError: The service cannot be reached or answers with something else.
        """
        import httpx
        from gradio.networking import GRADIO_API_SERVER

        own = os.environ.get("GRADIO_SHARE_SERVER_ADDRESS")
        if own:
            host, _, port = own.rpartition(":")
            if not (host and port.isdigit()):
                raise ShareError(
                    "relay address",
                    f"GRADIO_SHARE_SERVER_ADDRESS is {own!r}; it must read host:port.",
                    lasting=True,
                )
            return Relay(host, int(port), None)
        try:
            answer = httpx.get(GRADIO_API_SERVER, timeout=15).raise_for_status().json()[0]
            return Relay(answer["host"], int(answer["port"]), answer["root_ca"])
        except httpx.HTTPError as error:
            raise ShareError(
                "relay address",
                f"{GRADIO_API_SERVER} cannot be reached ({error}): check the network, a proxy or "
                "a firewall.",
            ) from error
        except (ValueError, LookupError, TypeError) as error:
            raise ShareError(
                "relay address", f"{GRADIO_API_SERVER} answered with something unexpected."
            ) from error

    def fetch_program(self) -> Path:
        """Download frpc once; Gradio checks its hash.

        Raises:
            ShareError: The download failed, or something removed or changed the file.
        """
        import httpx
        from gradio import tunneling
        from gradio.exceptions import ChecksumMismatchError

        path = Path(tunneling.BINARY_PATH)
        try:
            tunneling.Tunnel.download_binary()
        except httpx.HTTPError as error:
            raise ShareError(
                "tunnel program",
                f"The download from {tunneling.BINARY_URL} failed ({error}). It can be put by "
                f"hand at {path}.",
            ) from error
        except ChecksumMismatchError as error:
            path.unlink(missing_ok=True)
            raise ShareError(
                "tunnel program",
                "The downloaded file is not the published one (wrong checksum) and was deleted.",
            ) from error
        except OSError as error:
            raise ShareError(
                "tunnel program",
                f"{path} could not be written, or there is no such program for this system "
                f"({error}). An antivirus program may have blocked it.",
                lasting=True,
            ) from error
        if not path.exists():
            raise ShareError(
                "tunnel program",
                f"{path} vanished after the download: an antivirus program has probably removed "
                "it; make an exception for it.",
                lasting=True,
            )
        return path

    def open_tunnel(self, program: Path, relay: Relay) -> "Frpc":
        """Start frpc.

        Raises:
            ShareError: It cannot be run, or the relay does not answer or refuses.
        """
        return Frpc(program, relay, name=self.name, port=self.port)


class Frpc:
    """A running frpc and the link it got.

    Raises:
        ShareError: It cannot be run, or the relay does not answer or refuses.
    """

    def __init__(self, program: Path, relay: Relay, *, name: str, port: int) -> None:
        self._is_watched = False
        self._folder = tempfile.TemporaryDirectory(prefix="molecule-chat-")
        try:
            self._process = subprocess.Popen(
                [str(program), *self._arguments(relay, name=name, port=port)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            )
        except OSError as error:
            self._folder.cleanup()
            raise ShareError(
                "tunnel",
                f"{program} cannot be started ({error}): an antivirus program may block it, or "
                "the file is damaged; delete it to have it downloaded again.",
                lasting=True,
            ) from error
        self.url = self._read_url(relay)

    def _arguments(self, relay: Relay, *, name: str, port: int) -> list[str]:
        """The frpc command line, as Gradio's relay expects it."""
        arguments = ["http", "-n", name, "-l", str(port), "-i", "127.0.0.1", "--uc", "--ue"]
        arguments += ["--sd", "random", "--server_addr", f"{relay.host}:{relay.port}"]
        arguments += ["--disable_log_color"]
        if relay.certificate is not None:
            certificate = Path(self._folder.name) / "relay.pem"
            certificate.write_text(relay.certificate, encoding="utf-8")
            arguments += ["--tls_enable", "--tls_trusted_ca_file", str(certificate)]
        return arguments

    def _read_url(self, relay: Relay) -> str:
        """Read what frpc prints until it has a link; a silent frpc is ended after a while."""
        timer = threading.Timer(TUNNEL_SECONDS, self._process.kill)
        timer.daemon = True
        timer.start()
        last = ""
        try:
            for line in self._lines():
                logger.debug("frpc: %s", line)
                _, found, url = line.partition("start proxy success: ")
                if found:
                    scheme = "https" if relay.certificate is not None else "http"
                    return f"{scheme}://{url.strip().split('://')[-1]}"
                if "login to server failed" in line:
                    last = line
                    break
                last = line or last
        finally:
            timer.cancel()
        self.close()
        raise ShareError(
            "tunnel",
            f"The relay {relay.host}:{relay.port} gave no link: {last or 'no answer'}. A firewall "
            "may block the port, or the relay is down.",
        )

    def _lines(self) -> Iterator[str]:
        if self._process.stdout is not None:
            for line in self._process.stdout:
                yield line.strip()

    def wait(self) -> None:
        """Block until frpc ends; its output is read so that it never blocks on a full pipe."""
        self._is_watched = True
        for line in self._lines():
            logger.debug("frpc: %s", line)
        self._process.wait()
        self._close_output()

    def close(self) -> None:
        """End frpc."""
        self._process.terminate()
        try:
            self._process.wait(timeout=3)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()
        if not self._is_watched:  # else the watching thread closes it, after the last line
            self._close_output()

    def _close_output(self) -> None:
        if self._process.stdout is not None:
            self._process.stdout.close()
