"""Opens the assistant: `python launch.py`, `python launch.py --share`, `python launch.py --help`.

Logging, load, serve; nothing else. The options are in `ui/arguments.py`. The page is served first
and the model is loaded in a thread. Heavy imports are inside functions, so that `--help` answers at
once.
"""

import argparse
import gc
import json
import logging
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.commands import heard_ctrl_c, hold_ctrl_c
from ui.arguments import check_files, parse_arguments
from ui.host import (
    LOOPBACK,
    choose_host,
    choose_port,
    is_local_only,
    make_door,
    make_reach,
    questions_at_once,
)

if TYPE_CHECKING:
    from gradio import Blocks

    from assistant.chat.history import History
    from assistant.chem.sandbox import ChemPool
    from assistant.metrics import Registry
    from ui.handle import AssistantHandle
    from ui.passcode import Door
    from ui.reach import Reach
    from ui.runs import Runs
    from ui.share import ShareLink

ROOT = Path(__file__).resolve().parent
LOADING_SWITCH_SECONDS = 0.001  # Python's 0.005 each time adds up to a wait that is felt
STOP_SECONDS = 3.0  # for answers to end, so that their words are kept
GIVEN_AGAIN = ("bundle", "llm", "device", "lora", "retrieval")  # what `--replay` passes on
DEFAULT_BUNDLE = ROOT / "checkpoints" / "default"


def set_environment(options: argparse.Namespace) -> None:
    """Settings that libraries read while they are imported."""
    # Two OpenMP threads that spin beside one busy process run 10 to 40 times slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_RUN_HISTORY"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    for name in ("GRADIO_SHARE", "GRADIO_ALLOWED_PATHS"):  # both would open what is closed here
        os.environ.pop(name, None)
    if not asks_for_hub(options):
        os.environ["HF_HUB_OFFLINE"] = "1"


def asks_for_hub(options: argparse.Namespace) -> bool:
    """Whether the language model is named by a hub id: by the person, or by the bundle they chose.

    A bundle that cannot be read asks for nothing here; loading it says what is wrong.
    """
    if options.llm is not None:
        return not Path(options.llm).expanduser().exists()
    path = (options.bundle or DEFAULT_BUNDLE) / "bundle.json"
    try:
        return bool(json.loads(path.read_text(encoding="utf-8")).get("hub_llm"))
    except (OSError, ValueError, AttributeError):
        return False


def set_logging(level: str) -> None:
    """Send log lines to the terminal."""
    logging.basicConfig(
        level=level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    if level != "debug":
        for name in ("httpx", "httpx2", "httpcore", "uvicorn.access"):
            logging.getLogger(name).setLevel(logging.WARNING)


@contextmanager
def loading() -> Iterator[None]:
    """Lets the page answer while a model is loaded beside it; then collects garbage again.

    All that was made so far is taken for lasting.
    """
    usual = sys.getswitchinterval()
    sys.setswitchinterval(LOADING_SWITCH_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)
        gc.freeze()
        gc.enable()


def make_metrics(options: argparse.Namespace) -> "Registry | None":
    """Where figures are counted for `/metrics`; None where it is off."""
    from assistant.metrics import Registry

    return Registry() if options.metrics or is_local_only(options) else None


def make_handle(
    options: argparse.Namespace, metrics: "Registry | None" = None
) -> "AssistantHandle":
    """The assistant, to be loaded in a thread."""
    from ui.handle import AssistantHandle, Replying

    bundle = options.bundle or DEFAULT_BUNDLE

    def load() -> Replying:
        from assistant.imports import quick_imports

        with loading(), quick_imports():
            from assistant.assistant import Assistant
            from assistant.llm.queue import VisitorLimits

            return Assistant.load(
                bundle,
                llm=options.llm,
                quantize=options.quantize,
                device=options.device,
                lora=options.lora,
                retrieval=options.retrieval,
                compute=options.compute,
                threads=options.threads,
                limits=VisitorLimits.for_questions(questions_at_once(options)),
                metrics=metrics,
            )

    def then() -> None:
        from assistant.chat.check import warm_up

        warm_up()

    return AssistantHandle(load, what=str(options.llm or bundle.name), then=then)


def open_history(options: argparse.Namespace) -> "History":
    """The history that was asked for; where only the usual one cannot be used, one in memory.

    Raises:
        AssistantError: The folder that was named cannot be used.
    """
    from assistant.chat.history import History
    from assistant.chat.history.database import user_data_directory
    from assistant.errors import HistoryError

    if options.no_history:
        return History.in_memory()
    try:
        history = History.open(options.history or user_data_directory())
    except HistoryError as error:
        if options.history is not None:
            raise
        print(f"{error}\nThis time conversations are kept in memory only.", file=sys.stderr)
        return History.in_memory()
    if history.notice:
        print(history.notice, file=sys.stderr)
    return history


def serve(
    options: argparse.Namespace,
    handle: "AssistantHandle",
    chemistry: "ChemPool",
    door: "Door | None",
    reach: "Reach",
    runs: "Runs",
    metrics: "Registry | None" = None,
) -> "Blocks":
    """Serve the page and return it, running."""
    from ui.quick_import import prepare_gradio

    prepare_gradio()
    from ui.app import build_app
    from ui.page_look import launch_kwargs
    from ui.passcode import protection

    host = choose_host(options)
    port = choose_port(host, options.port)
    layers = protection(door, local_only=is_local_only(options), metrics=metrics)
    bundle = options.bundle or DEFAULT_BUNDLE
    demo = build_app(handle, chemistry=chemistry, reach=reach, runs=runs, bundle=bundle)
    demo.launch(
        **launch_kwargs(),
        app_kwargs={"middleware": layers},
        server_name=host,
        server_port=port,
        share=False,  # ui.share makes the link: see there
        inbrowser=False,
        prevent_thread_lock=True,
        quiet=True,
    )
    return demo


def announce(options: argparse.Namespace, host: str, port: int, passcode: str | None) -> None:
    """Print where the assistant is, the near addresses first."""
    from ui.share import lan_addresses

    if host in ("0.0.0.0", "::"):
        print(f"On this machine: http://127.0.0.1:{port}/")
        for address in lan_addresses():
            print(f"On this network: http://{address}:{port}/")
    else:
        shown = f"[{host}]" if ":" in host else host
        print(f"On this machine: http://{shown}:{port}/")
    if passcode is not None:
        print(f"Passcode:        {passcode}")
    elif options.share or host not in LOOPBACK:
        print("Warning: no passcode is set; everybody who has the address can use this assistant.")
    print("Ctrl+C ends the assistant.", flush=True)


def start_share(port: int) -> "ShareLink":
    """Begin to make the public link."""
    from ui.share import ShareLink
    from ui.tunnel import GradioSteps

    print("Public link:     asking for one …", flush=True)
    link = ShareLink(GradioSteps(port), announce=lambda text: print(text, flush=True))
    link.start()
    return link


def open_browser(port: int, host: str, door: "Door | None") -> None:
    """Open the host's own tab, already inside the door."""
    import webbrowser

    name = "127.0.0.1" if host in ("0.0.0.0", "::") else host
    key = f"login?key={door.one_time_key()}" if door is not None else ""
    webbrowser.open(f"http://{f'[{name}]' if ':' in name else name}:{port}/{key}")


def wait_for_end() -> None:
    """Block until Ctrl+C or a request to terminate."""
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    try:
        while not ended.wait(3600):
            pass
    except KeyboardInterrupt:
        print("\nEnding.", flush=True)


def run(options: argparse.Namespace) -> None:
    """Serve until told to end."""
    from assistant.chem.sandbox import ChemPool
    from assistant.imports import load_torch_library
    from ui.runs import Runs

    # Imports make a million objects that stay: looking for garbage among them is a fifth of the
    # time until the model is loaded. `loading` switches the collector on again.
    gc.disable()
    threading.Thread(target=load_torch_library, daemon=True).start()
    check_files(options)
    host = choose_host(options)
    door, passcode = make_door(options, host)
    metrics = make_metrics(options)
    handle = make_handle(options, metrics)
    if metrics is not None:
        metrics.read(
            "ready", "1 when the model is loaded, else 0.", lambda: handle.state == "ready"
        )
    with ExitStack() as ending:
        history = ending.enter_context(closing(open_history(options)))
        chemistry = ending.enter_context(ChemPool(names=options.names))
        reach = make_reach(options, door)
        runs = Runs(history, handle)
        demo = serve(options, handle, chemistry, door, reach, runs, metrics)
        ending.callback(demo.close, verbose=False)
        ending.callback(runs.stop_all, seconds=STOP_SECONDS)
        announce(options, host, demo.server_port, passcode)
        handle.start()
        if options.share:
            link = start_share(demo.server_port)
            ending.callback(link.close)
            reach.link = lambda: link.state
        if not options.no_browser:
            open_browser(demo.server_port, host, door)
        wait_for_end()


def replay(options: argparse.Namespace) -> bool:
    """Make the answers of a passport again and print what came of each; True when all are equal."""
    from assistant.replay import replay_file

    equal = True
    chosen = {name: getattr(options, name) for name in GIVEN_AGAIN}
    for report in replay_file(options.replay, **chosen):
        print(report, flush=True)
        equal = equal and report.equal
    return equal


def main(arguments: list[str] | None = None) -> int:
    """Run the assistant; 0 after Ctrl+C, 1 with one line when it cannot start.

    With `--replay`: 0 when every answer is equal.
    """
    options = parse_arguments(arguments)
    set_environment(options)
    set_logging(options.log_level)
    # Uploads go to a folder of this run's own and are deleted with it.
    os.environ["GRADIO_TEMP_DIR"] = uploads = tempfile.mkdtemp(prefix="molecule-chat-")
    from assistant.errors import AssistantError

    try:
        if options.replay is not None:
            return 0 if replay(options) else 1
        run(options)
    except AssistantError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(uploads, ignore_errors=True)
    return 0


if __name__ == "__main__":
    # Answers are checked in several threads, where RDKit would take Ctrl+C for itself.
    hold_ctrl_c()
    with heard_ctrl_c():
        status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Everything is closed. A model still loading in its thread must not hold up the end, which
    # waiting for that thread inside an import can do for a long time.
    os._exit(status)
