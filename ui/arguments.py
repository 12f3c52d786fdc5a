"""The command line of `launch.py`: what can be asked of it, in groups."""

import argparse
from pathlib import Path

FIRST_PORT = 7860


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line; ends the program with one line if it makes no sense."""
    parser = argparse.ArgumentParser(
        prog="launch.py",
        description="A local chat assistant for chemists that sees the molecule. Opens a page in "
        "the browser; nothing leaves this machine unless --share is given.",
    )
    add_model_options(parser)
    add_page_options(parser)
    add_reach_options(parser)
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
    return options


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
