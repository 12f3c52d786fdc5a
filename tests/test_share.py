"""The public link: made, tried again, renewed, and each failure named by its step."""

import os
import sys
import threading

import pytest

from ui.share import ShareLink, lan_addresses
from ui.tunnel import Frpc, GradioSteps, Relay, ShareError

RELAY = Relay("relay.example", 7000, None)


class FakeTunnel:
    def __init__(self, url):
        self.url = url
        self.ended = threading.Event()

    def wait(self):
        self.ended.wait(10)

    def close(self):
        self.ended.set()


class FakeSteps:
    """Each entry of `outcomes` is the link of one try, or the error it ends in."""

    def __init__(self, *outcomes):
        self.outcomes = list(outcomes)
        self.tunnels = []

    def find_relay(self):
        return RELAY

    def fetch_program(self):
        return None

    def open_tunnel(self, program, relay):
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, ShareError):
            raise outcome
        self.tunnels.append(FakeTunnel(outcome))
        return self.tunnels[-1]


class Said:
    """What the host was told, and a way to wait for it."""

    def __init__(self):
        self.lines = []
        self.changed = threading.Condition()

    def __call__(self, text):
        with self.changed:
            self.lines.append(text)
            self.changed.notify_all()

    def wait_for(self, words):
        with self.changed:
            found = self.changed.wait_for(lambda: any(words in line for line in self.lines), 10)
        assert found, self.lines


def share(*outcomes, waits=(0.0, 0.0)):
    said, steps = Said(), FakeSteps(*outcomes)
    link = ShareLink(steps, announce=said, waits=waits)
    link.start()
    return link, steps, said


def test_the_link_is_announced():
    link, _, said = share("https://abc.example")
    said.wait_for("https://abc.example")
    assert link.url == "https://abc.example"
    assert link.state == "open"
    link.close()
    link.join(5)


def test_the_state_follows_the_link_until_it_is_given_up():
    asked, answered = threading.Event(), threading.Event()

    class SlowSteps(FakeSteps):
        def find_relay(self):
            asked.set()
            answered.wait(10)
            raise ShareError("relay address", "none", lasting=True)

    link = ShareLink(SlowSteps(), announce=lambda text: None, waits=())
    link.start()
    asked.wait(10)
    assert link.state == "asking"
    answered.set()
    link.join(10)
    assert link.state == "given up"


def test_a_failed_try_is_told_by_its_step_and_tried_again():
    link, _, said = share(ShareError("tunnel", "The relay is down."), "https://abc.example")
    said.wait_for("https://abc.example")
    assert "step “tunnel” failed. The relay is down." in said.lines[0]
    assert "stays up" in said.lines[0]
    link.close()


def test_the_same_failure_is_told_once_and_then_given_up():
    link, _, said = share(*[ShareError("relay address", "No network.")] * 3)
    link.join(5)
    assert len(said.lines) == 2
    assert "Given up" in said.lines[-1]
    assert link.url is None


def test_a_lasting_failure_is_not_tried_again():
    link, steps, said = share(ShareError("tunnel program", "Antivirus.", lasting=True), "unused")
    link.join(5)
    assert steps.outcomes == ["unused"]
    assert "Given up" in said.lines[0]


def test_a_link_that_ends_is_renewed():
    link, steps, said = share("https://one.example", "https://two.example")
    said.wait_for("one.example")
    steps.tunnels[0].ended.set()
    said.wait_for("two.example")
    link.close()


def test_closing_while_waiting_for_the_next_try_ends_at_once():
    link, _, said = share(ShareError("tunnel", "Down."), "unused", waits=(60.0,))
    said.wait_for("Down.")
    link.close()
    link.join(5)
    assert link.url is None


def test_addresses_in_the_network_are_not_loopback():
    assert not [a for a in lan_addresses() if a.startswith("127.")]


# -- the real steps -------------------------------------------------------------------------------


@pytest.fixture
def closed_port(monkeypatch):
    """Gradio's services lead to a port where nothing answers."""
    import gradio.networking
    import gradio.tunneling

    monkeypatch.delenv("GRADIO_SHARE_SERVER_ADDRESS", raising=False)
    monkeypatch.setattr(gradio.networking, "GRADIO_API_SERVER", "http://127.0.0.1:9/request")
    monkeypatch.setattr(gradio.tunneling, "BINARY_URL", "http://127.0.0.1:9/frpc")


def test_an_unreachable_address_service_is_that_step(closed_port):
    with pytest.raises(ShareError, match=r"127\.0\.0\.1:9.*firewall") as caught:
        GradioSteps(7860).find_relay()
    assert caught.value.step == "relay address"
    assert not caught.value.lasting


def test_an_own_relay_is_read_from_the_environment(monkeypatch):
    monkeypatch.setenv("GRADIO_SHARE_SERVER_ADDRESS", "relay.lab.example:7000")
    assert GradioSteps(7860).find_relay() == Relay("relay.lab.example", 7000, None)
    monkeypatch.setenv("GRADIO_SHARE_SERVER_ADDRESS", "relay.lab.example")
    with pytest.raises(ShareError, match="host:port"):
        GradioSteps(7860).find_relay()


def test_a_failed_download_is_that_step_and_says_where_to_put_the_file(
    closed_port, monkeypatch, tmp_path
):
    import gradio.tunneling

    monkeypatch.setattr(gradio.tunneling, "BINARY_FOLDER", tmp_path)
    monkeypatch.setattr(gradio.tunneling, "BINARY_PATH", str(tmp_path / "frpc"))
    with pytest.raises(ShareError) as caught:
        GradioSteps(7860).fetch_program()
    assert caught.value.step == "tunnel program"
    assert str(tmp_path / "frpc") in str(caught.value)


def test_a_program_that_vanishes_points_to_the_antivirus(monkeypatch, tmp_path):
    import gradio.tunneling

    monkeypatch.setattr(gradio.tunneling, "BINARY_PATH", str(tmp_path / "frpc"))
    monkeypatch.setattr(gradio.tunneling.Tunnel, "download_binary", staticmethod(lambda: None))
    with pytest.raises(ShareError, match="antivirus"):
        GradioSteps(7860).fetch_program()


# -- the tunnel program, played by a script -------------------------------------------------------


def program(tmp_path, *lines):
    """A tunnel program that runs these lines of Python."""
    script, path = tmp_path / "frpc.py", tmp_path / "frpc"
    script.write_text("\n".join(("import sys, time", *lines)), encoding="utf-8")
    # Through the shell: a first line that names an interpreter cannot hold a path with spaces.
    run = f'#!/bin/sh\nexec "{sys.executable}" "{script}" "$@"\n'
    path.write_text(run, encoding="utf-8")
    path.chmod(0o755)
    return path


needs_scripts = pytest.mark.skipif(os.name == "nt", reason="plays the program with a script")


@needs_scripts
def test_the_link_is_read_from_what_the_program_prints(tmp_path):
    path = program(
        tmp_path,
        "print('start proxy success: http://abc.example', flush=True)",
        "print(sys.argv, flush=True)",
        "time.sleep(60)",
    )
    relay = Relay("relay.example", 7000, "a certificate")
    tunnel = Frpc(path, relay, name="token", port=7861)
    assert tunnel.url == "https://abc.example"
    tunnel.close()


@needs_scripts
def test_a_program_that_ends_at_once_says_what_it_said(tmp_path):
    path = program(tmp_path, "print('login to server failed: no route')")
    with pytest.raises(ShareError, match="no route") as caught:
        Frpc(path, RELAY, name="token", port=7861)
    assert caught.value.step == "tunnel"


@needs_scripts
def test_a_silent_program_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr("ui.tunnel.TUNNEL_SECONDS", 0.5)
    with pytest.raises(ShareError, match="no answer"):
        Frpc(program(tmp_path, "time.sleep(60)"), RELAY, name="token", port=7861)


def test_a_program_that_cannot_be_started_is_named(tmp_path):
    path = tmp_path / "frpc"
    path.write_text("not a program", encoding="utf-8")
    with pytest.raises(ShareError, match="cannot be started") as caught:
        Frpc(path, RELAY, name="token", port=7861)
    assert caught.value.lasting
