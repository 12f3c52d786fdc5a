"""What the documents name is there: files, links, modules and their options."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "docs" / "import.md",
    ROOT / "docs" / "adapt.md",
    ROOT / "docs" / "graph_readouts.md",
    ROOT / "docs" / "recipes.md",
    ROOT / "docs" / "pair_parts.md",
    *sorted((ROOT / "docs" / "methods").glob("*.md")),
]
COMMAND = re.compile(r"python -m (assistant[\w.]+)([^\n`]*)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_and_links_exist(page):
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"`((?:assistant|tests|docs)/[\w./-]+)`", text)
    missing = [name for name in named if not (ROOT / name).exists()]
    linked = re.findall(r"\]\((?!https?:)([^)#]+)\)", text)
    missing += [link for link in linked if not (page.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_name_modules_that_exist(page):
    for module, _ in COMMAND.findall(page.read_text(encoding="utf-8")):
        assert importlib.util.find_spec(module) is not None, module


def test_options_of_the_import_commands_exist():
    from assistant.importers import llamo, mora, stm

    text = (ROOT / "docs" / "import.md").read_text(encoding="utf-8")
    modules = {module.__name__: module for module in (llamo, mora, stm)}
    commands = COMMAND.findall(text)
    assert {name for name, _ in commands} == set(modules)
    for name, rest in commands:
        source = Path(modules[name].__file__).read_text(encoding="utf-8")
        for option in re.findall(r"--[\w-]+", rest):
            assert f'"{option}"' in source, (name, option)


def test_options_and_formats_of_adapting_are_the_real_ones():
    from assistant.train.adapt.__main__ import parse_arguments
    from assistant.train.adapt.recipe import PRESETS
    from assistant.train.sources.registry import SOURCES

    text = (ROOT / "docs" / "adapt.md").read_text(encoding="utf-8")
    formats = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| [^|]*\|$", text, re.MULTILINE)
    assert {name.strip("` ") for cell in formats for name in cell.split(",")} >= set(SOURCES)
    assert all(f"`{path.stem}`" in text for path in PRESETS.glob("*.toml"))
    for command in re.findall(r"^python -m assistant\.train\.adapt (--.*)$", text, re.MULTILINE):
        assert parse_arguments(command.split()).data
