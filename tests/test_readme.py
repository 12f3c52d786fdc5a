"""The README says what is true: commands, options, file tree, API."""

import re
import subprocess

import pytest

import launch

FIRST_LINES = 30


@pytest.fixture(scope="module")
def readme(root):
    return (root / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def tree(root, readme):
    """The paths of the file tree; the names of a directory's files are indented below it."""
    block = re.search(r"## The files\n```\n(.*?)```", readme, re.DOTALL).group(1)
    paths, open_directories = [], []
    for line in block.splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        name = line.split()[0]
        open_directories = open_directories[:depth]
        paths.append("".join(open_directories) + name)
        if name.endswith("/"):
            open_directories.append(name)
    return paths


def test_the_two_commands_come_first(readme):
    commands = re.search(r"```\n(.*?)```", readme, re.DOTALL).group(1).splitlines()
    assert [line.split("#")[0].strip() for line in commands] == ["make chat", "make test"]


def test_every_path_of_the_tree_exists_and_has_a_phrase(root, readme, tree):
    assert [path for path in tree if not (root / path).exists()] == []
    block = re.search(r"## The files\n```\n(.*?)```", readme, re.DOTALL).group(1)
    assert [line for line in block.splitlines() if len(line.split()) < 2] == []


def test_every_module_is_in_the_tree_or_in_a_directory_that_stands_for_it(root, tree):
    closed = {
        path
        for path in tree
        if path.endswith("/") and not any(p != path and p.startswith(path) for p in tree)
    }
    missing = []
    for top in ("assistant", "ui"):
        for path in sorted((root / top).rglob("*.py")):
            name = path.relative_to(root).as_posix()
            if path.name == "__init__.py" or name in tree or name.startswith(tuple(closed)):
                continue
            missing.append(name)
    assert missing == [], "run: python docs/make_tree.py"


def test_every_make_target_that_is_named_exists(root, readme):
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    architecture = (root / "ARCHITECTURE.md").read_text(encoding="utf-8")
    named = re.findall(r"(?:`|^)make ([a-z]+)", readme + architecture, re.MULTILINE)
    assert {"chat", "test", "startup"} <= set(named)
    for target in set(named):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_every_option_that_is_named_exists(readme):
    commands = re.findall(r"python launch\.py (--[^#\n`]*)", readme)
    assert len(commands) >= 4
    for command in commands:
        for option in re.findall(r"--[a-z-]+", command):
            if option != "--help":
                value = {"--quantize": ["8bit"], "--share": []}.get(option, ["1"])
                assert launch.parse_arguments([option, *value])


def test_the_fact_keys_of_the_api_are_the_real_ones(readme):
    from assistant.chem.facts import compute_facts
    from assistant.chem.molecule import Molecule

    facts = compute_facts(Molecule.parse("CC(=O)Oc1ccccc1C(=O)O")).to_dict()
    text = re.search(r"gives the fact card: (.*?); atoms", readme, re.DOTALL).group(1)
    assert re.split(r",\s+", text) == list(facts)
    assert (facts["formula"], round(facts["clogp"], 2)) == ("C9H8O4", 1.31)


def test_files_that_are_linked_exist(root, readme):
    for path in re.findall(r"\]\((?!http)([^)]+)\)", readme):
        assert (root / path).is_file(), path


def test_architecture_fits_in_150_lines(root):
    assert len((root / "ARCHITECTURE.md").read_text(encoding="utf-8").splitlines()) <= 150


def test_nothing_that_is_shipped_names_a_directory_of_one_machine(root):
    listed = subprocess.run(
        [
            "git",
            "ls-files",
            "-co",
            "--exclude-standard",
            "*.py",
            "*.md",
            "*.toml",
            "*.txt",
            "Makefile",
        ],
        cwd=root,
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    named = re.compile(r"/(?:home|Users|root|work)/\w")
    guilty = [
        name
        for name in listed.stdout.splitlines()
        if (root / name).is_file() and named.search((root / name).read_text(encoding="utf-8"))
    ]
    assert guilty == []
