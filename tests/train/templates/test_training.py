"""Templates are found, learned, weighed, written, and put beside a bundle's specialist."""

import csv
import gzip
import json
from pathlib import Path

import pytest
import torch

from assistant.bundle import SPECIALIST, Bundle
from assistant.chem.templates import outcomes
from assistant.errors import AssistantError
from assistant.specialist.candidates import Candidate, Opinion
from assistant.specialist.directory import LLM, SpecialistInfo
from assistant.specialist.service import load_proposers
from assistant.specialist.templates import ClassifierConfig, ReactionTemplates
from assistant.specialist.writer import Writer
from assistant.train.export import save_nf4
from assistant.train.model import ModelSizes, language_model
from assistant.train.specialist.tokenizer import reaction_tokenizer
from assistant.train.templates.__main__ import main
from assistant.train.templates.reactions import (
    FOUND,
    TemplateReaction,
    find_templates,
    read_reactions,
)
from assistant.train.templates.recipe import TemplatesRecipe
from assistant.train.templates.weighing import Weighed, hits, weighed_config
from tests.bundles import write_tiny_bundle

RECIPE = """
least = 2
width = 16
n_bits = 256
epochs = 40
batch = 8
lr = 0.02
held_out = 2
weighed = 4
[[tasks]]
name = "retrosynthesis"
data = [{ format = "uspto", path = "reactions.csv.gz" }]
weighed = [{ format = "uspto", path = "others.csv.gz", split = "valid" }]
[[tasks]]
name = "product"
data = [{ format = "uspto", path = "reactions.csv.gz" }]
weighed = [{ format = "uspto", path = "others.csv.gz", split = "valid" }]
"""
RESTS = ("O", "C", "F", "Cl", "Br", "OC", "C#N", "CC", "C(C)C", "SC", "CCC", "OCC")
AMIDES = [(f"CC(=O)Nc1ccc({x})cc1", f"CC(=O)Cl.Nc1ccc({x})cc1") for x in RESTS]
ESTERS = [(f"CCOC(=O)c1ccc({x})cc1", f"CCO.O=C(O)c1ccc({x})cc1") for x in RESTS]
OTHERS = [
    ("CC(=O)Nc1cccc(I)c1", "CC(=O)Cl.Nc1cccc(I)c1"),
    ("CCOC(=O)c1cccc(I)c1", "CCO.O=C(O)c1cccc(I)c1"),
    AMIDES[0],  # learned by mistake, were it not looked for
]


def write_table(path: Path, rows: list[tuple[str, str]]) -> None:
    with gzip.open(path, "wt", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("product", "reactants"))
        writer.writerows(rows)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("templates")
    write_table(directory / "reactions.csv.gz", [*AMIDES, *ESTERS, ("CCCl", "CCO")])
    write_table(directory / "others.csv.gz", OTHERS)
    (directory / "tiny.toml").write_text(RECIPE, encoding="utf-8")
    return directory


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    bundle = write_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")
    directory = bundle / SPECIALIST
    directory.mkdir()
    tokenizer = reaction_tokenizer([row[0] for row in AMIDES] * 20, vocab_size=400)
    sizes = ModelSizes(64, 1, 128, 2, 2, len(tokenizer), 256)
    save_nf4(language_model(sizes, tokenizer), tokenizer, directory / LLM)
    SpecialistInfo(("retrosynthesis", "product")).write(directory)
    Bundle.read(bundle).with_component(SPECIALIST, SPECIALIST)
    return bundle


def arguments(place: Path, run: Path, *more: object) -> list[str]:
    return [
        *("--config", str(place / "tiny.toml"), "--data", str(place), "--run", str(run)),
        *map(str, more),
    ]


def test_from_reactions_to_a_bundle(
    place: Path,
    bundle: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run, specialist, asked = tmp_path / "run", bundle / SPECIALIST, []
    opinions = Writer.opinions

    def noted(self: Writer, task: str, *args: object, **options: object) -> object:
        asked.append(task)
        return opinions(self, task, *args, **options)

    monkeypatch.setattr(Writer, "opinions", noted)
    assert main(arguments(place, run, "--specialist", specialist, "--into", bundle)) == 0
    assert "put into" in capsys.readouterr().out
    proposers = load_proposers(specialist, ("retrosynthesis", "product"))
    assert set(proposers) == {"retrosynthesis", "product"}
    templates = proposers["retrosynthesis"].templates
    # The one reaction whose template nothing else has is not learned.
    assert [t.n_reactions for t in templates.templates] == [12, 11]
    (amide, ester) = (templates.likeliest(row[0], 1)[0][0] for row in OTHERS[:2])
    assert OTHERS[0][1] in outcomes(OTHERS[0][0], amide.smarts, forward=False)
    assert OTHERS[1][1] in outcomes(OTHERS[1][0], ester.smarts, forward=False)
    config = templates.config
    assert config.weights.template > 0
    assert set(asked) == {"retrosynthesis", "product"}
    assert config.covered == 1.0
    card = (specialist / "templates" / "README.md").read_text(encoding="utf-8")
    assert "| retrosynthesis | 24 | 24 | 2 |" in card
    assert "reactions.csv.gz" in card
    figures = json.loads((run / "figures.json").read_text(encoding="utf-8"))
    assert figures["product"]["hits"]["1"] == 1.0


def test_what_is_there_is_not_done_again(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(arguments(place, tmp_path)) == 0

    def never(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr("assistant.train.templates.reactions.template_of", never)
    monkeypatch.setattr("assistant.train.templates.__main__.learn", never)
    assert main(arguments(place, tmp_path)) == 0
    found = ReactionTemplates.load(tmp_path / "templates" / "product")
    assert found.config.weights[1:] == (0, 0, 0)  # no language model was asked


def test_a_search_that_was_cut_off_goes_on(place: Path, tmp_path: Path) -> None:
    reactions = [TemplateReaction(r, "", p) for p, r in AMIDES[:4]]
    whole = find_templates(reactions, tmp_path)
    assert len(whole) == 4
    text = (tmp_path / FOUND).read_text(encoding="utf-8")
    (tmp_path / FOUND).write_text(text[: len(text) // 2], encoding="utf-8")
    assert find_templates(reactions, tmp_path) == whole
    assert len((tmp_path / FOUND).read_text(encoding="utf-8").splitlines()) == 4


def test_other_processes_find_the_same(tmp_path: Path) -> None:
    reactions = [TemplateReaction(r, "", p) for p, r in [*AMIDES[:2], *ESTERS[:2]]]
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    alone = find_templates(reactions, tmp_path / "one")
    assert find_templates(reactions, tmp_path / "two", workers=1) == alone


def test_nothing_that_is_weighed_is_learned(place: Path) -> None:
    recipe = TemplatesRecipe.load(place / "tiny.toml")
    tasks, lines = read_reactions(recipe, place)
    for task in tasks.values():
        assert not {r.key for r in task.learned} & {r.key for r in task.weighed}
        assert len(task.learned) == 24
    assert len(lines) == 2


def test_questions_and_answers_by_the_task() -> None:
    reaction = TemplateReaction("CC(=O)Cl.CN", "ClCCl", "CNC(C)=O")
    assert reaction.question_and_answer("retrosynthesis") == ("CNC(C)=O", "CC(=O)Cl.CN")
    assert reaction.question_and_answer("product") == ("CC(=O)Cl.CN.ClCCl", "CNC(C)=O")


def weighed(right: int, *opinions: tuple[float, float]) -> Weighed:
    candidates = tuple(Candidate("C" * (n + 1), p, 1) for n, (p, _) in enumerate(opinions))
    return Weighed(candidates, tuple(Opinion(lm) for _, lm in opinions), right)


def test_weights_follow_who_is_right() -> None:
    config = ClassifierConfig(2)
    lm_knows = [weighed(1, (0.7, -9.0), (0.3, -1.0)), weighed(0, (0.4, -1.0), (0.6, -8.0))] * 5
    found = weighed_config(config, lm_knows)
    assert found.weights.lm > 0.2
    assert hits(lm_knows, found)[1] == 1.0
    lm_lies = [weighed(0, (0.7, -9.0), (0.3, -1.0)), weighed(1, (0.4, -1.0), (0.6, -8.0))] * 5
    found = weighed_config(config, lm_lies)
    assert found.weights.lm < 0.02
    assert hits(lm_lies, found)[1] == 1.0


def test_an_opinion_gets_a_weight_where_it_tells_something() -> None:
    def row(right: int, *said: tuple[int, float]) -> Weighed:
        candidates = tuple(
            Candidate("C" * (n + 1), 0.5, 1, n_written=written)
            for n, (written, _) in enumerate(said)
        )
        return Weighed(candidates, tuple(Opinion(back=back) for _, back in said), right)

    by_return = [row(0, (1, -1.0), (1, -5.0)), row(1, (2, -6.0), (2, -2.0))] * 5
    found = weighed_config(ClassifierConfig(2), by_return)
    assert found.weights.lm_return > 0.1
    assert found.weights[1:3] == (0.0, 0.0)  # they say the same of all
    assert found.alone.lm_return > 0.1
    by_number = [row(0, (9, -1.0), (1, -1.0)), row(1, (2, -1.0), (7, -1.0))] * 5
    assert weighed_config(ClassifierConfig(2), by_number).weights.written > 0.1


def test_alone_the_language_model_has_only_what_it_wrote() -> None:
    def row(right: int, *said: tuple[int, float]) -> Weighed:
        candidates = tuple(
            Candidate("C" * (n + 1), 0.2, 1, n_written=written)
            for n, (written, _) in enumerate(said)
        )
        return Weighed(candidates, tuple(Opinion(along) for _, along in said), right)

    rows = [row(0, (1, -1.0), (0, -0.1), (1, -7.0)), row(2, (1, -7.0), (0, -0.1), (1, -2.0))] * 5
    found = weighed_config(ClassifierConfig(2), rows)
    assert found.alone.lm > 0.1
    assert found.alone[:2] == (0.0, 0.0)  # all were written once
    assert rows[2].written().right == 0
    assert [c.smiles for c in rows[1].written().candidates] == ["C", "CCC"]
    never = weighed_config(ClassifierConfig(2), [weighed(0, (0.7, -1.0), (0.3, -2.0))] * 5)
    assert never.alone == ClassifierConfig(2).alone


def test_what_no_template_makes_lowers_the_shares() -> None:
    rows = [weighed(0, (0.7, -1.0), (0.3, -2.0)), Weighed((), (), None)]
    found = weighed_config(ClassifierConfig(2), rows)
    assert found.covered == 0.5
    assert hits(rows, found)[1] == 0.5
    with pytest.raises(AssistantError, match="none of 1 reactions"):
        weighed_config(ClassifierConfig(2), rows[1:])


def test_absent_candidates_have_no_say() -> None:
    torch.manual_seed(0)
    two = [weighed(0, (0.6, -2.0), (0.4, -1.0))] * 3
    three = [weighed(2, (0.2, -3.0), (0.3, -3.0), (0.5, -1.0))] * 3
    config = weighed_config(ClassifierConfig(2), [*two, *three])
    assert config.weights.template > 0


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ('name = "product"', 'name = "reagent"'),
        ("least = 2", "least = 0"),
        ("width = 16", "widht = 16"),
        ("batch = 8", "batch = 8\nsmoothing = 1.5"),
    ],
)
def test_impossible_recipes_are_refused(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: str, told: str
) -> None:
    config = tmp_path / "bad.toml"
    config.write_text(RECIPE.replace(change, told), encoding="utf-8")
    given = ["--config", str(config), "--data", str(place), "--run", str(tmp_path / "run")]
    assert main(given) == 1
    assert "bad.toml: " in capsys.readouterr().err


def test_a_bundle_without_a_specialist_gets_none(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = write_tiny_bundle(tmp_path / "tiny")
    assert main(arguments(place, tmp_path / "run", "--into", bundle)) == 1
    assert "has no specialist" in capsys.readouterr().err


def test_too_few_reactions_are_told(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "many.toml"
    config.write_text(RECIPE.replace("least = 2", "least = 100"), encoding="utf-8")
    given = ["--config", str(config), "--data", str(place), "--run", str(tmp_path / "run")]
    assert main(given) == 1
    assert "lower `least`" in capsys.readouterr().err
