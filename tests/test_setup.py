"""Set-up: done once, done again when the pins change, and clear when it cannot go on."""

import json
import subprocess
import sys
import tomllib

import pytest

from assistant import setup


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with a `.venv` that pretends to exist; pip is recorded, not run."""
    folder = tmp_path / "a clone with spaces"
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / "constraints.txt").write_text("gradio==6.0\ntorch==2.13.0\n", encoding="utf-8")
    (folder / "pyproject.toml").write_text(
        '[project]\ndependencies = ["gradio>=6"]\n'
        '[project.optional-dependencies]\ntest = ["pytest"]\n',
        encoding="utf-8",
    )
    monkeypatch.setattr(setup, "ROOT", folder)
    monkeypatch.setattr(setup, "VENV", folder / ".venv")
    monkeypatch.setattr(setup, "STAMP", folder / ".venv" / "molecule-chat.json")
    monkeypatch.setattr(setup, "LOG", folder / ".venv" / "setup.log")
    monkeypatch.setattr(setup, "venv_python", lambda: folder / ".venv" / "bin" / "python")
    setup.venv_python().write_text("", encoding="utf-8")
    return folder


@pytest.fixture
def pip_calls(monkeypatch):
    calls = []

    def pip(*arguments, label):
        calls.append(arguments)

    monkeypatch.setattr(setup, "pip", pip)
    monkeypatch.setattr(setup, "has_nvidia_driver", lambda: False)
    monkeypatch.setattr(setup.sys, "platform", "linux")
    return calls


def test_the_second_time_there_is_nothing_to_do(project, pip_calls):
    setup.set_up(("test",))
    done = len(pip_calls)
    setup.set_up(("test",))
    setup.set_up(())
    assert len(pip_calls) == done


def test_the_extras_of_the_tests_are_added_later(project, pip_calls):
    setup.set_up(())
    setup.set_up(("test",))
    assert "pytest" in pip_calls[-1]


def test_a_new_pin_sets_up_again(project, pip_calls):
    setup.set_up(())
    (project / "constraints.txt").write_text("gradio==6.1\ntorch==2.13.0\n", encoding="utf-8")
    assert not setup.is_set_up(())


def test_a_broken_stamp_sets_up_again(project):
    setup.STAMP.write_text("{", encoding="utf-8")
    assert not setup.is_set_up(())


def test_a_failed_set_up_leaves_no_stamp(project, pip_calls, monkeypatch):
    setup.set_up(())
    (project / "constraints.txt").write_text("torch==2.13.0\n", encoding="utf-8")
    monkeypatch.setattr(setup, "pip", lambda *arguments, label: "No space left on device")
    with pytest.raises(setup.SetupError, match="disk is full"):
        setup.set_up(())
    assert not setup.STAMP.exists()


def test_without_a_driver_the_cpu_build_of_torch_comes_first_and_alone(project, pip_calls):
    setup.set_up(())
    assert pip_calls[0][:2] == ("torch==2.13.0", "--no-deps")
    assert setup.CPU_INDEX in pip_calls[0]
    assert "gradio>=6" in pip_calls[1]
    assert str(project / "constraints.txt") in pip_calls[1]
    assert len(pip_calls) == 2


def test_an_unreachable_cpu_index_falls_back_to_the_configured_one(project, monkeypatch, capsys):
    calls = []

    def pip(*arguments, label):
        calls.append(arguments)
        return "Name or service not known" if setup.CPU_INDEX in arguments else None

    monkeypatch.setattr(setup, "pip", pip)
    monkeypatch.setattr(setup, "has_nvidia_driver", lambda: False)
    setup.install_torch()
    assert calls[1] == ("torch==2.13.0", "--no-deps")
    assert "not reachable" in capsys.readouterr().out


def test_with_a_driver_the_plain_build_is_installed(project, pip_calls, monkeypatch):
    monkeypatch.setattr(setup, "has_nvidia_driver", lambda: True)
    setup.install_torch()
    assert pip_calls == [("torch==2.13.0", "--no-deps")]


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("ERROR: Temporary failure in name resolution", "network"),
        ("SSL: CERTIFICATE_VERIFY_FAILED", "PIP_CERT"),
        ("ERROR: No matching distribution found for rdkit", "no build for this Python"),
        ("OSError: [Errno 28] No space left on device", "disk is full"),
        ("something else", "pip failed"),
    ],
)
def test_a_failure_of_pip_is_explained(output, words):
    assert words in setup.explain(output)
    assert output in setup.explain(output)


def test_an_old_python_is_told_so_in_a_sentence(monkeypatch, capsys):
    monkeypatch.setattr(setup.sys, "version_info", (3, 9, 2))
    monkeypatch.setattr(setup, "find_newer_python", lambda: None)
    assert setup.main(["chat"]) == 1
    assert "Python 3.11 or newer is needed" in capsys.readouterr().out


def test_the_file_is_plain_enough_for_an_old_python(root):
    """No syntax or top-level import that 3.8 lacks: compiled with its grammar."""
    import ast

    source = (root / "assistant" / "setup.py").read_text(encoding="utf-8")
    tree = ast.parse(source, feature_version=(3, 7))
    top = {alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names}
    assert top <= set(sys.stdlib_module_names) - {"tomllib"}


def test_every_direct_dependency_is_pinned_and_explained(root):
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    runtime = project["dependencies"]
    extras = project["optional-dependencies"]
    tested = [*extras["test"], *extras["train"], *extras["names"]]
    pins = (root / "constraints.txt").read_text(encoding="utf-8")
    for requirement in runtime + tested:
        assert f"\n{requirement.split('>=')[0]}==" in pins, requirement
        line = next(line for line in text.splitlines() if f'"{requirement}"' in line)
        assert "#" in line, f"no reason beside {requirement}"


def test_the_licence_is_apache_2(root):
    assert "Apache License" in (root / "LICENSE").read_text(encoding="utf-8")[:400]


# -- browsers -------------------------------------------------------------------------------------


def place(folder, name):
    path = folder / name
    path.write_text("#!/bin/sh\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def test_a_browser_is_found_on_the_path_or_in_the_environment(tmp_path, monkeypatch):
    on_path, own = tmp_path / "path", tmp_path / "own"
    on_path.mkdir()
    own.mkdir()
    monkeypatch.setenv("PATH", str(on_path))
    monkeypatch.delenv("BROWSER", raising=False)
    assert setup.find_browser() is None
    edge = place(on_path, "microsoft-edge")
    assert setup.find_browser() == edge
    chrome = place(own, "my-chrome")
    monkeypatch.setenv("BROWSER", chrome)
    assert setup.find_browser() == chrome
    monkeypatch.setenv("BROWSER", place(own, "firefox"))
    assert setup.find_browser() == edge


def test_without_a_browser_and_without_root_it_says_how(monkeypatch, capsys):
    monkeypatch.setattr(setup, "find_browser", lambda: None)
    monkeypatch.setattr(setup, "can_apt", lambda: False)
    setup.ensure_browser()
    assert "apt-get install chromium" in capsys.readouterr().out


def test_as_root_on_debian_the_package_lists_are_fetched_first(monkeypatch):
    ran = []
    done = subprocess.CompletedProcess([], 0, "", "")
    monkeypatch.setattr(setup.subprocess, "run", lambda c, **_: (ran.append(c), done)[1])
    monkeypatch.setattr(setup, "find_browser", lambda: None)
    monkeypatch.setattr(setup, "can_apt", lambda: True)
    setup.ensure_browser()
    assert [command[2] for command in ran] == ["update", "install"]
    assert "chromium" in ran[1]


def test_ci_runs_make_test(root):
    script = root / ".ci" / "run"
    assert "make test" in script.read_text(encoding="utf-8")
    assert script.stat().st_mode & 0o111


def test_the_stamp_is_json(project, pip_calls):
    setup.set_up(("test",))
    assert json.loads(setup.STAMP.read_text(encoding="utf-8"))["extras"] == ["test"]


@pytest.mark.parametrize(
    ("arguments", "status"), [(["--help"], 0), (["-h"], 0), ([], 2), (["chta"], 2)]
)
def test_help_is_no_mistake_and_an_unknown_word_is_one(arguments, status, capsys):
    assert setup.main(arguments) == status
    assert "chat|test" in "".join(capsys.readouterr())
