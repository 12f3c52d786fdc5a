"""The command line, and the assistant served by a process of its own."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import launch
from assistant.errors import AssistantError
from ui import host

needs_posix_signals = pytest.mark.skipif(os.name == "nt", reason="ends the process by a signal")


def options(*arguments):
    return launch.parse_arguments(list(arguments))


def test_help_answers_at_once_and_names_every_option(root):
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "launch.py", "--help"], cwd=root, capture_output=True, text=True
    )
    assert (
        time.perf_counter() - start < 1.0
    )  # 0.06 s alone; the machine may be busy with other tests
    for name in (
        "history",
        "no-history",
        "bundle",
        "llm",
        "quantize",
        "device",
        "host",
        "port",
        "share",
        "no-passcode",
    ):
        assert f"--{name}" in done.stdout


def test_nothing_heavy_is_imported_to_read_the_command_line(root):
    code = "import sys, launch; launch.parse_arguments([]); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert not {"torch", "gradio", "rdkit", "numpy", "transformers"} & set(done.stdout.split())


def test_alone_it_listens_here_and_shared_it_listens_to_the_network():
    assert launch.choose_host(options()) == "127.0.0.1"
    assert launch.choose_host(options("--share")) == "0.0.0.0"
    assert launch.choose_host(options("--share", "--host", "127.0.0.1")) == "127.0.0.1"


@pytest.mark.parametrize(
    ("arguments", "has_door"),
    [
        ([], False),
        (["--host", "0.0.0.0"], True),
        (["--share"], True),
        (["--share", "--no-passcode"], False),
        (["--passcode", "a long one"], True),
    ],
)
def test_a_passcode_is_on_whenever_others_can_reach_the_page(arguments, has_door):
    chosen = options(*arguments)
    door, passcode = launch.make_door(chosen, launch.choose_host(chosen))
    assert (door is not None, passcode is not None) == (has_door, has_door)


def test_contradicting_passcode_options_are_refused():
    with pytest.raises(SystemExit):
        options("--passcode", "abcdefgh", "--no-passcode")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--device", "banana"), "--device takes auto, cpu, cuda or cuda:N, not 'banana'"),
        (("--device", "cuda:x"), "not 'cuda:x'"),
        (("--passcode", " "), "--passcode is empty"),
        (("--threads", "0"), "--threads takes a number from 1 on"),
    ],
)
def test_values_that_make_no_sense_are_refused_in_a_line(arguments, reason, capsys):
    with pytest.raises(SystemExit) as ended:
        options(*arguments)
    assert ended.value.code == 2
    assert reason in capsys.readouterr().err.splitlines()[-1]


def test_a_model_directory_that_is_not_there_is_refused_at_once(tmp_path):
    for place in (str(tmp_path / "no"), "./no", "~/no such", "a/b/c"):
        with pytest.raises(AssistantError, match=r"There is no directory .*check --llm"):
            launch.check_files(options("--llm", place))
    for place in (str(tmp_path), "some-org/some-model", "gpt2"):
        launch.check_files(options("--llm", place))


def test_an_index_that_is_not_there_is_refused_at_once(tmp_path):
    with pytest.raises(AssistantError, match=r"There is no index .*build it with"):
        launch.check_files(options("--retrieval", str(tmp_path)))


def test_a_busy_port_is_named_when_it_was_asked_for_and_passed_over_otherwise(monkeypatch):
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        with pytest.raises(AssistantError, match=f"Port {port} on 127.0.0.1 cannot be used"):
            launch.choose_port("127.0.0.1", port)
        monkeypatch.setattr(host, "FIRST_PORT", port)
        assert launch.choose_port("127.0.0.1", None) != port


def test_an_impossible_port_is_an_error_for_the_person():
    with pytest.raises(AssistantError, match="99999"):
        launch.choose_port("127.0.0.1", 99999)


@pytest.mark.parametrize("address", ["192.0.2.1", "no-such-host.invalid"])
@pytest.mark.parametrize("port", [None, 7860])
def test_an_address_of_another_computer_is_named_and_not_its_ports(address, port):
    with pytest.raises(AssistantError, match=f"^{address} is no address of this computer .*--host"):
        launch.choose_port(address, port)


@pytest.fixture
def environment(monkeypatch):
    """The environment, put back after the test."""
    monkeypatch.setattr(os, "environ", dict(os.environ))
    return os.environ


@pytest.mark.parametrize(
    ("llm", "is_offline"), [(None, True), (".", True), ("some-org/some-chat-model", False)]
)
def test_the_hub_is_off_unless_an_id_of_it_was_asked_for(llm, is_offline, environment):
    environment.pop("HF_HUB_OFFLINE", None)
    launch.set_environment(options(*(["--llm", llm] if llm else [])))
    assert ("HF_HUB_OFFLINE" in environment) == is_offline


@pytest.mark.parametrize(
    ("text", "is_offline"),
    [('{"hub_llm": "owner/model"}', False), ('{"components": {}}', True), ("no json", True)],
)
def test_a_bundle_may_name_a_hub_id(text, is_offline, environment, tmp_path):
    environment.pop("HF_HUB_OFFLINE", None)
    (tmp_path / "bundle.json").write_text(text)
    launch.set_environment(options("--bundle", str(tmp_path)))
    assert ("HF_HUB_OFFLINE" in environment) == is_offline


def test_settings_that_would_open_the_server_are_dropped(environment):
    environment |= {"GRADIO_SHARE": "true", "GRADIO_ALLOWED_PATHS": "/"}
    launch.set_environment(options())
    assert not {"GRADIO_SHARE", "GRADIO_ALLOWED_PATHS"} & set(environment)
    assert environment["GRADIO_ANALYTICS_ENABLED"] == "False"
    assert environment["OMP_WAIT_POLICY"] == "passive"


@pytest.mark.parametrize("arguments", [["--bundle", "/nowhere"], ["--names", "/nowhere.tsv"]])
def test_an_error_is_one_line_and_exit_code_1(arguments, root):
    done = subprocess.run(
        [sys.executable, "launch.py", *arguments], cwd=root, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "/nowhere" in done.stderr


def test_the_usual_history_that_is_in_use_is_replaced_by_one_in_memory(
    tmp_path, monkeypatch, capsys
):
    from assistant.chat.history import History

    for name in ("XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path))
    first = launch.open_history(options())
    assert first.is_kept
    second = launch.open_history(options())
    assert not second.is_kept
    assert "in use by another assistant" in capsys.readouterr().err
    with pytest.raises(AssistantError, match="in use by another assistant"):
        launch.open_history(options("--history", str(tmp_path / "molecule-chat")))
    for history in (first, second):
        assert isinstance(history, History)
        history.close()


def test_without_a_history_nothing_is_written(tmp_path, monkeypatch):
    for name in ("XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path))
    launch.open_history(options("--no-history")).close()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(SystemExit):
        options("--history", "x", "--no-history")


def test_a_file_that_is_no_history_is_set_aside_and_named(tmp_path, capsys):
    (tmp_path / "history.sqlite3").write_text("my notes")
    launch.open_history(options("--history", str(tmp_path))).close()
    assert "set-aside" in capsys.readouterr().err


# -- a process of its own -------------------------------------------------------------------------


@contextlib.contextmanager
def running(root, tmp_path, *arguments):
    """The assistant with a bundle that cannot be loaded; facts and page work without a model."""
    (tmp_path / "bundle").mkdir(exist_ok=True)
    (tmp_path / "tmp").mkdir(exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    unreachable = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9")
    settings = {
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": str(tmp_path / "tmp"),
        "HF_HOME": str(tmp_path / "hub"),
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "LOCALAPPDATA": str(tmp_path / "data"),
        "NO_PROXY": "127.0.0.1,localhost",
    }
    log = tmp_path / "output.txt"
    with open(log, "w", encoding="utf-8") as output:
        process = subprocess.Popen(
            [
                *(sys.executable, "launch.py", "--no-browser", "--port", str(port)),
                *("--bundle", str(tmp_path / "bundle"), *arguments),
            ],
            cwd=root,
            env={**os.environ, **unreachable, **settings},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process, f"http://127.0.0.1:{port}", log
    finally:
        process.kill()
        process.wait()


def wait_for(process, log, words, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        text = log.read_text(encoding="utf-8")
        if words in text:
            return text
        time.sleep(0.05)
    raise AssertionError(f"{words!r} was not printed:\n{log.read_text(encoding='utf-8')}")


def threads_that_hear_ctrl_c(pid):
    """RDKit takes the signal in any of them while it matches; only the one that waits for it may.

    Only Linux tells which signals a thread holds back; elsewhere there is nothing to count.
    """
    statuses = Path(f"/proc/{pid}/task").glob("*/status")
    blocked = [re.search(r"SigBlk:\s*(\w+)", path.read_text())[1] for path in statuses]
    return sum(not int(mask, 16) & 1 << (signal.SIGINT - 1) for mask in blocked)


def get(url, **options):
    import httpx

    return httpx.get(url, trust_env=False, timeout=20, **options)


@needs_posix_signals
def test_local_the_page_is_open_here_files_are_not_and_ctrl_c_ends_it(root, tmp_path):
    with running(root, tmp_path) as (process, url, log):
        said = wait_for(process, log, "Ctrl+C")
        assert said.startswith(f"On this machine: {url}/")
        assert "asscode" not in said

        page = get(url)
        assert page.status_code == 200
        assert "frame-ancestors 'self'" in page.headers["content-security-policy"]
        assert get(url, headers={"Host": "evil.example"}).status_code == 421
        for path in (root / "pyproject.toml", "/etc/passwd"):
            assert get(f"{url}/gradio_api/file={path}").status_code in (403, 404)
        assert get(f"{url}/gradio_api/proxy=https://example.org/").status_code == 404

        assert threads_that_hear_ctrl_c(process.pid) <= 1
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0
    assert "KeyboardInterrupt" not in log.read_text(encoding="utf-8")
    assert not list((tmp_path / "tmp").glob("molecule-chat-*"))


@needs_posix_signals
def test_shared_addresses_and_passcode_come_first_and_a_failed_link_names_its_step(root, tmp_path):
    from gradio_client import Client

    with running(root, tmp_path, "--share") as (process, url, log):
        said = wait_for(process, log, "stays up")
        order = ["On this machine", "Passcode", "Public link", "No public link"]
        positions = [said.index(words) for words in order]
        assert positions == sorted(positions)
        assert "step “relay address” failed" in said
        passcode = re.search(r"Passcode: +(\S+)", said).group(1)

        assert get(url).status_code == 401
        assert get(f"{url}/config").status_code == 401
        client = Client(url, auth=("chemist", passcode), verbose=False)
        assert client.predict("CCO", api_name="/facts")["formula"] == "C2H6O"

        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
