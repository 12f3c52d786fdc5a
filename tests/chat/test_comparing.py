"""A question that compares is told from one about a single molecule."""

import time

import pytest

from assistant.chat.comparing import compares
from assistant.train import wording as w

# What people ask of one molecule while others are in the conversation.
OF_ONE = """Is this compound in the same class as aspirin?
What are these groups?
Are both rings aromatic?
Is there a ring at either end?
What are they used for?
Which functional groups are the most reactive?
Where is it most likely metabolised?
Is it more soluble than the free base?
Could you explain those alerts?
Do the two nitrogens have the same pKa?
Are the two rings fused?
Are the three hydroxyls equivalent?
What would the other enantiomer do?
Which bond is longest?
Compare it with ibuprofen.
What is the difference between logP and logD?
How does it compare to typical drugs?
More details please.
Most stable conformer?
Does it have two of the same ring?
Which part of it is the greasiest?
Which ring is the larger?
Why are they flat?
Does the other ring help?
Which property would be easiest to change?
Explain the same again, shorter.
Name the three most important properties.
How many of them are stereocentres?
Should I take either with food?
Which conditions give the priest a city?
and its logP?
Does it differ from the patent?
Is this the same molecule as in the patent?
Is either nitrogen basic?
Does either ring have a nitrogen?""".splitlines()
OF_SEVERAL = """Which of the two is heavier?
Do they have the same TPSA?
And which has fewer rings?
Compare the masses.
Compare both.
Which is heavier?
Which one has more rings?
Are both chiral?
Which of them is more polar?
How do they differ?
Which molecule is more lipophilic?
Do the two compounds have the same formula?
And whose TPSA is larger?
The heavier of them?
Is either toxic?
Is either of them water soluble?
Is either water soluble?
Does either contain an ester?
Is neither flat?""".splitlines()


@pytest.mark.parametrize("text", OF_ONE)
def test_a_question_about_one_molecule_does_not_compare(text: str) -> None:
    assert not compares(text)


@pytest.mark.parametrize("text", OF_SEVERAL)
def test_a_question_about_several_compares(text: str) -> None:
    assert compares(text)


def test_hardly_any_question_about_one_and_most_about_several() -> None:
    one = {
        *(q.format(m="it") for questions in w.ASKED.values() for q in questions),
        *(q.format(m="it", g="an ester") for q in (*w.ASK_GROUP, *w.ASK_GROUPS, *w.ASK_DESCRIBE)),
        *(q.format(m="it") for q, _ in w.ASK_UNKNOWN_FREE),
    }
    tables = (w.ASK_SAME, w.ASK_DIFFER, w.ASK_HIGHEST, w.ASK_LOWEST, w.ASK_MOST, w.ASK_FEWEST)
    asked = [q for table in tables for q in table]
    asked += [q for which in w.ASK_WHICH.values() for q in (*which.more, *which.less)]
    several = {q.format(n="two", x="TPSA", p="rings") for q in asked if "{a}" not in q}
    assert sum(map(compares, one)) <= 0.001 * len(one)
    assert sum(map(compares, several)) >= 0.9 * len(several)


def test_a_long_text_is_read_in_no_time() -> None:
    began = time.process_time()
    compares("are they " * 2000)
    assert time.process_time() - began < 0.2
