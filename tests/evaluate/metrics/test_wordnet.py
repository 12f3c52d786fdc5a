"""Synonyms are read from files laid out like WordNet's."""

import pytest

from assistant.errors import AssistantError
from assistant.evaluate.metrics.wordnet import WordNet

LICENCE = "  1 This software and database is provided as is.  \n"


@pytest.fixture
def wordnet(tmp_path):
    index = {
        "noun": "drug n 1 1 @ 1 1 00000100  \nmouse n 2 1 @ 2 1 00000200 00000300  \n"
        "world_war n 1 0 1 0 00000400  \n",
        "verb": "drug v 1 1 @ 1 0 00000500  \n",
        "adj": "galore a 1 0 1 0 00000600  \n",
        "adv": "",
    }
    data = {
        "noun": "00000100 06 n 02 drug 0 medicine 0 001 @ 00000001 n 0000 | a thing; a | bar  \n"
        "00000200 05 n 01 mouse 0 000 | an animal  \n"
        "00000300 06 n 02 mouse 0 computer_mouse 0 000 | a device  \n",
        "verb": "00000500 29 v 02 drug 0 dose 0 000 01 + 08 00 | give a drug  \n",
        "adj": "00000600 00 s 02 galore(ip) 0 abundant 0 000 | in plenty  \n",
        "adv": "",
    }
    for part in index:
        (tmp_path / f"index.{part}").write_text(LICENCE + index[part], encoding="utf-8")
        (tmp_path / f"data.{part}").write_text(LICENCE + data[part], encoding="utf-8")
    (tmp_path / "noun.exc").write_text("mice mouse\n", encoding="utf-8")
    return WordNet(tmp_path)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("drug", {"drug", "medicine", "dose"}),
        ("drugs", {"drugs", "drug", "medicine", "dose"}),
        ("mice", {"mice", "mouse"}),
        ("galore", {"galore", "abundant"}),
        ("benzene", {"benzene"}),
    ],
)
def test_synonyms_are_single_words_of_all_synsets_of_the_base_forms(wordnet, word, expected):
    assert wordnet.synonyms(word) == expected


def test_a_directory_without_wordnet_is_named(tmp_path):
    with pytest.raises(AssistantError, match=r"index\.noun is missing.*wordnet-base"):
        WordNet(tmp_path)
