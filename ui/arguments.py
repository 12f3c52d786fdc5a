"""The command line of `launch.py`: what can be asked of it, in groups, and what is refused."""

import argparse
import re
from pathlib import Path

FIRST_PORT = 7860
SHARED_PER_VISITOR = 2
QUESTIONS_PER_MINUTE = 12  # as `VisitorLimits.for_questions` has it


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line; ends the program with one line if it makes no sense."""
    parser = argparse.ArgumentParser(
        prog="launch.py",
        description="A local chat assistant for chemists that sees the molecule. Opens a page in "
        "the browser; nothing leaves this machine unless --share is given.",
    )
    add_model_options(parser)
    add_serving_options(parser)
    add_page_options(parser)
    add_reach_options(parser)
    parser.add_argument(
        "--replay",
        type=Path,
        metavar="FILE",
        help="make the answers of a saved passport or an exported conversation (JSON) again, say "
        "whether they are equal, and end: 0 when all are, 1 when not",
    )
    parser.add_argument(
        "--log-level",
        choices=("debug", "info", "warning", "error"),
        default="warning",
        help="what is logged; structures and messages appear at debug only (default: warning)",
    )
    options = parser.parse_args(arguments)
    if options.passcode is not None and options.no_passcode:
        parser.error("--passcode and --no-passcode exclude each other")
    if options.history is not None and options.no_history:
        parser.error("--history and --no-history exclude each other")
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", options.device):
        parser.error(f"--device takes auto, cpu, cuda or cuda:N, not {options.device!r}")
    if options.passcode is not None and not options.passcode.strip():
        parser.error("--passcode is empty; leave it out to get a random one")
    for name in ("threads", "max_per_visitor"):
        value = getattr(options, name)
        if value is not None and value < 1:
            parser.error(f"--{name.replace('_', '-')} takes a number from 1 on, not {value}")
    return options


def check_files(options: argparse.Namespace) -> None:
    """Refuse at once what could only fail later, in a thread or a child process.

    Raises:
        AssistantError: A directory or file that was named is not there or cannot be read.
    """
    from assistant.errors import BundleError, UnreadableFileError

    if options.bundle is not None and not options.bundle.is_dir():
        raise BundleError(f"There is no bundle directory {options.bundle}; check --bundle.")
    if options.llm is not None and _is_missing_path(options.llm):
        raise BundleError(
            f"There is no directory {options.llm}; check --llm, or name a model of the hub"
            " (owner/name)."
        )
    if options.lora is not None and not options.lora.is_dir():
        raise BundleError(f"There is no LoRA directory {options.lora}; check --lora.")
    if options.retrieval is not None and not (options.retrieval / "index.json").is_file():
        raise UnreadableFileError(
            f"There is no index {options.retrieval}; check --retrieval, or build it with: "
            "python -m assistant.retrieval build --file FILE --index DIR"
        )
    if options.names is not None:
        from assistant.chem.names import NameTable

        if not options.names.is_file():
            raise UnreadableFileError(f"There is no file {options.names}; check --names.")
        NameTable.load(options.names)


def _is_missing_path(llm: str) -> bool:
    """Whether a model is named by a path, not by a hub id, and nothing is there."""
    path = Path(llm).expanduser()
    is_path = path.is_absolute() or llm.startswith(".") or len(path.parts) > 2
    return is_path and not path.exists()


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Which model answers, and how it is held."""
    group = parser.add_argument_group("model")
    group.add_argument(
        "--bundle",
        type=Path,
        metavar="DIR",
        help="directory that names the components of one assistant (default: checkpoints/default)",
    )
    group.add_argument(
        "--llm",
        metavar="ID_OR_DIR",
        help="another chat LLM: a Hugging Face id (downloaded once) or a local directory; adapters "
        "trained for the bundle's own LLM are then off",
    )
    group.add_argument(
        "--quantize",
        choices=("4bit", "8bit", "none"),
        default="4bit",
        help="how the LLM's weights are held (default: 4bit, NF4)",
    )
    group.add_argument(
        "--device",
        default="auto",
        metavar="NAME",
        help="auto, cpu, cuda or cuda:N (default: auto, the GPU where there is one)",
    )
    group.add_argument(
        "--lora",
        type=Path,
        metavar="DIR",
        help="a LoRA directory in PEFT's format that was trained for this LLM",
    )
    group.add_argument(
        "--retrieval",
        type=Path,
        metavar="INDEX",
        help="an index of your own captioned molecules: captions of similar ones are quoted to the "
        "model (build it with: python -m assistant.retrieval build --file FILE --index INDEX)",
    )


def add_serving_options(parser: argparse.ArgumentParser) -> None:
    """How the processor is used, who may ask how much, and figures about it."""
    group = parser.add_argument_group("serving")
    group.add_argument(
        "--threads",
        type=int,
        metavar="N",
        help="processor threads of the model (default: one per core, fewer while other programs "
        "are busy); a number is kept whatever else runs",
    )
    group.add_argument(
        "--compute",
        choices=("auto", "nf4", "bf16", "fp32"),
        default="auto",
        help="how 4-bit weights compute on a processor (default: auto, the fastest when timed at "
        "the start)",
    )
    group.add_argument(
        "--max-per-visitor",
        type=int,
        metavar="N",
        help="questions of one visitor that are answered at a time; as many more may wait, and "
        f"{QUESTIONS_PER_MINUTE} times as many be asked a minute (default: no limit while only "
        f"this machine can reach the page, else {SHARED_PER_VISITOR})",
    )
    group.add_argument(
        "--metrics",
        action="store_true",
        help="figures for Prometheus at /metrics also while others can reach the page",
    )


def add_page_options(parser: argparse.ArgumentParser) -> None:
    """Where the page is, and what it knows."""
    group = parser.add_argument_group("page")
    group.add_argument(
        "--host",
        metavar="ADDRESS",
        help="address to listen on (default: 127.0.0.1; with --share 0.0.0.0, so that the local "
        "network works too if the link does not)",
    )
    group.add_argument(
        "--port",
        type=int,
        metavar="N",
        help=f"port to listen on (default: the first free one from {FIRST_PORT})",
    )
    group.add_argument(
        "--names",
        type=Path,
        metavar="FILE",
        help="your own names for molecules: a table with the columns name, smiles, cas, synonyms",
    )
    group.add_argument(
        "--history",
        type=Path,
        metavar="DIR",
        help="folder in which conversations are kept (default: the user's data folder)",
    )
    group.add_argument(
        "--no-history",
        action="store_true",
        help="keep conversations in memory only: they are gone when the assistant ends",
    )
    group.add_argument("--no-browser", action="store_true", help="do not open a browser tab")


def add_reach_options(parser: argparse.ArgumentParser) -> None:
    """A public link, and the passcode."""
    group = parser.add_argument_group("who can reach it")
    group.add_argument("--share", action="store_true", help="make a public link, with a passcode")
    group.add_argument(
        "--passcode",
        metavar="TEXT",
        help="passcode of your own; by default a random one is made and printed whenever others "
        "can reach the page",
    )
    group.add_argument(
        "--no-passcode", action="store_true", help="let everybody in who has the address"
    )
