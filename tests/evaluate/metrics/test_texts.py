"""Scores of texts equal those of NLTK 3.10.4 and rouge-score 0.1.2, computed once."""

import pytest

from assistant.errors import AssistantError
from assistant.evaluate.metrics.overlap import common_length
from assistant.evaluate.metrics.porter import stem
from assistant.evaluate.metrics.texts import TextScoring, text_metrics
from assistant.evaluate.metrics.tokens import scibert_cut, simple_cut

WRITTEN = [
    "The molecule is a monocarboxylic acid that is benzoic acid bearing an acetoxy group.",
    "It derives from ethanol. It has a role as a solvent and a metabolite of yeasts.",
    "An alkaloid.",
]
WANTED = [
    "The molecule is a member of the class of benzoic acids that is salicylic acid in which the"
    " hydroxy hydrogen is replaced by an acetyl group.",
    "The molecule is a primary alcohol. It derives from ethane. It has roles as solvents and as a"
    " yeast metabolite.",
    "The molecule is a purine alkaloid found in tea.",
]
FROM_NLTK_AND_ROUGE_SCORE = {
    "BLEU-2 (words)": 0.23552235185435472,
    "BLEU-4 (words)": 0.09134744692165887,
    "METEOR (words, no synonyms)": (0.3305340223944875 + 0.5679012345679014 + 0.10752688172043011)
    / 3,
    "ROUGE-1": (0.5 + 0.5555555555555556 + 0.1818181818181818) / 3,
    "ROUGE-2": (0.2105263157894737 + 0.23529411764705882) / 3,
    "ROUGE-L": (0.45 + 0.5 + 0.1818181818181818) / 3,
}
STEMS = [
    ("caresses", "caress"), ("ponies", "poni"), ("ties", "tie"), ("cats", "cat"),
    ("flies", "fli"), ("died", "die"), ("dies", "die"), ("spied", "spi"), ("agreed", "agre"),
    ("feed", "feed"), ("plastered", "plaster"), ("bled", "bled"), ("motoring", "motor"),
    ("sing", "sing"), ("conflated", "conflat"), ("troubled", "troubl"), ("sized", "size"),
    ("hopping", "hop"), ("tanned", "tan"), ("falling", "fall"), ("hissing", "hiss"),
    ("fizzed", "fizz"), ("failing", "fail"), ("filing", "file"), ("happy", "happi"),
    ("enjoy", "enjoy"), ("skies", "sky"), ("try", "tri"), ("relational", "relat"),
    ("conditional", "condit"), ("valenci", "valenc"), ("digitizer", "digit"),
    ("conformabli", "conform"), ("radically", "radic"), ("differentli", "differ"),
    ("vileli", "vile"), ("analogously", "analog"), ("vietnamization", "vietnam"),
    ("operator", "oper"), ("feudalism", "feudal"), ("decisiveness", "decis"),
    ("hopefulness", "hope"), ("callousness", "callous"), ("formality", "formal"),
    ("sensitivity", "sensit"), ("sensibility", "sensibl"), ("geologi", "geolog"),
    ("theology", "theolog"), ("triplicate", "triplic"), ("formative", "form"),
    ("electricity", "electr"), ("electrical", "electr"), ("goodness", "good"),
    ("revival", "reviv"), ("inference", "infer"), ("airliner", "airlin"),
    ("adjustable", "adjust"), ("replacement", "replac"), ("adjustment", "adjust"),
    ("adoption", "adopt"), ("homologous", "homolog"), ("activate", "activ"),
    ("angularity", "angular"), ("probate", "probat"), ("rate", "rate"), ("cease", "ceas"),
    ("controlling", "control"), ("roll", "roll"), ("hydroxylated", "hydroxyl"),
    ("metabolites", "metabolit"), ("derivatives", "deriv"), ("syzygy", "syzygi"),
    ("dying", "die"), ("owned", "own"), ("oxo", "oxo"), ("as", "as"),
]  # fmt: skip


def scores(written, wanted, scoring=None):
    metrics = text_metrics(written, wanted, scoring or TextScoring.plain())
    return {metric.name: metric.value for metric in metrics}


def test_scores_are_those_of_the_usual_libraries():
    assert scores(WRITTEN, WANTED) == pytest.approx(FROM_NLTK_AND_ROUGE_SCORE, abs=1e-12)


def test_an_equal_text_scores_one_and_an_empty_one_zero():
    same = scores(WANTED, WANTED)
    meteor = same.pop("METEOR (words, no synonyms)")
    assert same == pytest.approx(dict.fromkeys(same, 1.0))
    assert 0.99 < meteor < 1  # one chunk is still a chunk
    assert set(scores(["", "", ""], WANTED).values()) == {0.0}


def test_synonyms_match_after_stems():
    scoring = TextScoring(simple_cut(), {"drug": {"drug", "medicin"}}.get)
    without = scores(["a drug"], ["a medicine"])
    with_them = scores(["a drug"], ["a medicine"], scoring)
    assert without["METEOR (words, no synonyms)"] == pytest.approx(0.25)
    assert with_them["METEOR (words)"] == pytest.approx(1 - 0.5 / 8)


@pytest.mark.parametrize(("word", "expected"), STEMS)
def test_stems_are_those_of_nltk(word, expected):
    assert stem(word) == expected


def test_the_longest_common_subsequence_may_have_gaps():
    assert common_length(["a", "b", "c", "d", "e"], ["x", "b", "y", "d", "e", "a"]) == 3
    assert common_length([], ["a"]) == 0


def test_word_pieces_come_from_the_vocabulary(tmp_path):
    vocabulary = tmp_path / "vocab.txt"
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "benz", "##oic", "acid", "."]
    vocabulary.write_text("\n".join(pieces) + "\n", encoding="utf-8")
    cut = scibert_cut(vocabulary)
    assert cut.tokens("Benzoic acid, acid.") == ["benz", "##oic", "acid", "[UNK]", "acid", "."]
    assert "BLEU-2 (SciBERT)" in scores(["acid"], ["acid"], TextScoring(cut))


def test_a_missing_vocabulary_is_named_with_the_remedy(tmp_path):
    with pytest.raises(AssistantError, match=r"none\.txt.*--scibert"):
        scibert_cut(tmp_path / "none.txt")
