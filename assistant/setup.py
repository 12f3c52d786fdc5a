"""Sets up `.venv` once: `python3 -I assistant/setup.py chat`, or `test` for the tests as well.

Runs before anything is installed, so it uses the standard library only, and no syntax newer than
Python 3.6: an old Python must get as far as the sentence that says it is too old. A stamp in
`.venv` holds a hash of pyproject.toml and constraints.txt; while it matches there is no work.
"""

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST = (3, 11)
ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "molecule-chat.json"
LOG = VENV / "setup.log"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
    "microsoft-edge-stable",
    "msedge",
)
NO_BROWSER = (
    "No Chromium, Chrome or Edge was found on PATH or in $BROWSER. Install one (Debian, Ubuntu: "
    "apt-get install chromium; Fedora: dnf install chromium; macOS: brew install --cask chromium) "
    "or set BROWSER to its program file"
)

# What pip prints when something went wrong, and what a person can do about it.
REMEDIES = (
    ("No space left on device", "The disk is full: the packages need about 3 GB (7 GB with CUDA)."),
    (
        "CERTIFICATE_VERIFY_FAILED",
        "The package index shows a certificate that is not trusted here, often that of a company "
        "proxy: set PIP_CERT to its certificate file.",
    ),
    (
        "name resolution|Name or service not known|NewConnectionError|ConnectTimeout|"
        "Read timed out|ProxyError|Network is unreachable|Connection refused",
        "The package index cannot be reached: check the network, or set PIP_INDEX_URL or "
        "HTTPS_PROXY. What was downloaded is kept, so trying again continues.",
    ),
    (
        "No matching distribution found|Could not find a version",
        "A package has no build for this Python or system: Python 3.11 to 3.13 on 64-bit Linux, "
        "macOS or Windows is what the pinned versions are built for.",
    ),
    ("Permission denied", "The folder .venv cannot be written: check who owns it."),
)


class SetupError(Exception):
    """Set-up cannot go on; the text says why and what to do."""


def emit(text: str, *, end: str = "\n") -> None:
    """Write a line for the person at the terminal."""
    sys.stdout.write(text + end)
    sys.stdout.flush()


def venv_python() -> Path:
    """The interpreter of `.venv`, which may not exist yet."""
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


# -- Python ---------------------------------------------------------------------------------------


def find_newer_python() -> "str | None":
    """Another Python on PATH that is new enough and really starts."""
    for minor in (11, 12, 13, 14):
        path = shutil.which(f"python3.{minor}")
        if path is None:
            continue
        probe = "import sys; sys.exit(sys.version_info < (3, 11))"
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        # A shim of a version manager can be on PATH without a version behind it.
        if subprocess.run([path, "-I", "-c", probe], check=False, **quiet).returncode == 0:
            return path
    return None


def create_venv() -> None:
    """Make an empty `.venv`; on Debian its package may have to be installed first."""
    command = [sys.executable, "-m", "venv", "--clear", str(VENV)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode and "ensurepip" in done.stdout + done.stderr:
        package = f"python3.{sys.version_info[1]}-venv"
        if not (can_apt() and apt_install(package)):
            raise SetupError(
                f"This Python cannot make a virtual environment. Install it with: "
                f"apt-get install {package}"
            )
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SetupError(f"Could not create {VENV}:\n{(done.stdout + done.stderr).strip()}")


# -- packages -------------------------------------------------------------------------------------


def has_nvidia_driver() -> bool:
    """Whether an NVIDIA driver answers here; without one, CUDA packages are 5 GB of nothing."""
    if Path("/proc/driver/nvidia/version").exists():
        return True
    smi = shutil.which("nvidia-smi") or shutil.which("/usr/lib/wsl/lib/nvidia-smi")
    if smi is None:
        return False
    done = subprocess.run([smi, "-L"], check=False, capture_output=True, text=True)
    return done.returncode == 0 and "GPU" in done.stdout


def pinned(name: str) -> str:
    """The requirement line of one package in constraints.txt, such as `torch==2.13.0`."""
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith(name + "=="):
            return line.strip()
    raise SetupError(f"constraints.txt names no version of {name}.")


def requirements(extras: "tuple[str, ...]") -> "list[str]":
    """What pyproject.toml asks for, with the named extras."""
    import tomllib

    with open(ROOT / "pyproject.toml", "rb") as file:
        project = tomllib.load(file)["project"]
    wanted = list(project["dependencies"])
    for extra in extras:
        wanted += project["optional-dependencies"][extra]
    return wanted


def pip(*arguments: str, label: str) -> "str | None":
    """Run `pip install` with one progress line; give its output if it failed, else None."""
    command = [str(venv_python()), "-m", "pip", "install", "--no-input", "--progress-bar=off"]
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONUNBUFFERED": "1"}
    lines = []
    process = subprocess.Popen(
        [*command, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        text=True,
        errors="replace",
    )
    with process, open(LOG, "a", encoding="utf-8") as log:
        for line in process.stdout:
            log.write(line)
            lines.append(line.rstrip())
            show_progress(label, line.strip())
    end_progress()
    return "\n".join(lines) if process.returncode else None


def show_progress(label: str, line: str) -> None:
    """Turn one line of pip into progress: one moving line on a terminal, else only large files."""
    if not line.startswith(("Collecting", "Downloading", "Using cached", "Installing", "Building")):
        return
    if sys.stdout.isatty():
        width = max(20, shutil.get_terminal_size().columns - 1)
        emit("\r\033[K" + f"  {label}: {line}"[:width], end="")
    elif re.search(r"\(\d{2,}\.\d MB\)", line) or line.startswith("Installing collected"):
        emit(f"  {label}: {line[:120]}")


def end_progress() -> None:
    """Clear the moving line."""
    if sys.stdout.isatty():
        emit("\r\033[K", end="")


def explain(output: str) -> str:
    """Say in a sentence why pip failed, above the last lines it printed."""
    reason = next((text for pattern, text in REMEDIES if re.search(pattern, output)), None)
    tail = "\n".join("    " + line for line in output.splitlines()[-6:])
    return f"{reason or 'pip failed.'}\n{tail}\n  The whole output is in {LOG}"


def install_torch() -> None:
    """Install torch first and alone, so that nothing later chooses another build of it."""
    wanted = pinned("torch")
    on_cpu = sys.platform == "linux" and not has_nvidia_driver()
    if on_cpu:
        # Its dependencies come from the configured index in the next step, with the others.
        near = ["--no-deps", "--index-url", CPU_INDEX, "--timeout", "15", "--retries", "0"]
        if pip(wanted, *near, label="torch for CPU") is None:
            return
        emit("  PyTorch's CPU index is not reachable: asking the configured package index.")
        emit("  (If that has no CPU build for this Python, 5 GB of CUDA packages come along.)")
    failure = pip(wanted, "--no-deps", label="torch")
    if failure is not None:
        raise SetupError(explain(failure))


def install(extras: "tuple[str, ...]") -> None:
    """Install the pinned versions of everything the project names."""
    emit("Setting up .venv (once; about 2 GB on disk without CUDA, a few minutes)")
    if not venv_python().exists():
        create_venv()
    LOG.write_text("", encoding="utf-8")
    install_torch()
    constraints = str(ROOT / "constraints.txt")
    failure = pip("-c", constraints, *requirements(extras), label="packages")
    if failure is not None:
        raise SetupError(explain(failure))


# -- the stamp ------------------------------------------------------------------------------------


def digest() -> str:
    """Changes whenever what should be installed may have changed."""
    text = b"".join((ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints.txt"))
    return hashlib.sha256(text).hexdigest()


def is_set_up(extras: "tuple[str, ...]") -> bool:
    """Whether `.venv` already holds all this, by its stamp."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    fresh = stamp.get("digest") == digest() and set(extras) <= set(stamp.get("extras", ()))
    return fresh and venv_python().exists()


def set_up(extras: "tuple[str, ...]") -> None:
    """Install unless the stamp says that it was done."""
    if is_set_up(extras):
        return
    STAMP.unlink(missing_ok=True)
    install(extras)
    STAMP.write_text(json.dumps({"digest": digest(), "extras": extras}), encoding="utf-8")
    emit("Set up. The next start skips this.")


# -- a browser for the tests ----------------------------------------------------------------------


def find_browser() -> "str | None":
    """The program file of a Chromium-like browser: `$BROWSER`, then the usual names on PATH."""
    for name in (os.environ.get("BROWSER", ""), *BROWSERS):
        path = shutil.which(name) if name else None
        if path and (
            name in BROWSERS or re.search("chrom|edge|headless_shell", Path(path).name, re.I)
        ):
            return path
    return None


def can_apt() -> bool:
    """Whether packages can be installed here: root on Debian, Ubuntu or a child of theirs."""
    try:
        release = Path("/etc/os-release").read_text(encoding="utf-8")
    except OSError:
        return False
    is_debian = re.search(r"^ID(_LIKE)?=.*\b(debian|ubuntu)\b", release, re.M)
    return bool(is_debian and shutil.which("apt-get") and os.geteuid() == 0)


def apt_install(*packages: str) -> bool:
    """Install Debian packages; whether that worked."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    emit(f"  Installing {' '.join(packages)} with apt-get")
    for action in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
        done = subprocess.run(
            ["apt-get", "-qq", *action],
            check=False,
            env=environment,
            capture_output=True,
            text=True,
        )
        if done.returncode and action[0] == "install":
            emit("  apt-get failed: " + (done.stderr.strip().splitlines() or ["?"])[-1])
            return False
    return True


def ensure_browser() -> None:
    """Have a browser for the tests, or say how to get one; the tests then skip by name."""
    if find_browser() is None and can_apt():
        apt_install("chromium", "fonts-liberation")
    if find_browser() is None:
        emit(f"Browser tests will be skipped. {NO_BROWSER}.")


def main(arguments: "list[str]") -> int:
    """Set up for `chat` or `test`; 0 when all is ready."""
    if sys.version_info < OLDEST:
        newer = find_newer_python()
        if newer is not None:
            return subprocess.call([newer, "-I", os.path.abspath(__file__), *arguments])
        version, where = platform.python_version(), sys.executable
        emit(f"Python 3.11 or newer is needed; this is {version} at {where}.")
        emit("Install one and run, for example: make chat PYTHON=python3.12")
        return 1
    if arguments not in (["chat"], ["test"]):
        emit("usage: python3 assistant/setup.py chat|test")
        return 0 if set(arguments) & {"-h", "--help"} else 2
    try:
        set_up(("test",) if arguments == ["test"] else ())
        if arguments == ["test"]:
            ensure_browser()
    except SetupError as error:
        emit(f"Set-up stopped. {error}")
        return 1
    except KeyboardInterrupt:
        emit("\nSet-up interrupted; the next start continues it.")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
