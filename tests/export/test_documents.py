"""Markdown, SDF, PDF and notebook of one conversation."""

import base64
import contextlib
import io
import json
import re

import pytest
from rdkit import Chem

from assistant.chat.conversation import Conversation, Message
from assistant.chem.molecule import Molecule
from assistant.export.exchange import read_json
from assistant.export.markdown import code, literal, to_markdown
from assistant.export.notebook import to_notebook
from assistant.export.pdf import to_pdf
from assistant.export.sdf import sd_record, to_sdf
from assistant.export.source import Export, export_of, slug_of
from tests.export.pdf_words import words_of
from tests.export.sample import CHECKS, NOTE, TEXT, WHEN, predicted, sample


@pytest.fixture(scope="module")
def export() -> Export:
    return sample()


def test_files_are_called_by_date_and_first_molecule(export: Export) -> None:
    assert export.file_name("pdf") == "2026-11-26-aspirin.pdf"
    assert export_of(Conversation(), WHEN).file_name("md") == "2026-11-26-empty-conversation.md"
    assert slug_of("(R)-β-Ionone/../x") == "r-ionone-x"


def test_a_pdf_says_which_letters_its_font_does_not_have(export: Export) -> None:
    assert "not in the font" not in words_of(to_pdf(export))
    talk = Conversation().with_message(Message("user", "什么是 α-tartaric acid? 什"))
    words = words_of(to_pdf(export_of(talk, WHEN)))
    assert "3 letters of this conversation are not in the font" in words
    assert all(code in words for code in ("U+4E48", "U+4EC0", "U+662F"))


def test_markdown_keeps_marks_and_true_values_and_draws_every_structure(export: Export) -> None:
    text = to_markdown(export)
    assert "C9H8O4 ✓" in text
    assert "2 rings ✗ (computed: 1 ring)" in text
    assert "`O=C(O)c1ccccc1O` ✓" in text
    assert "taste is bitter ?" in text
    assert "3 of 4 claims checked, 1 contradicted" in text
    drawings = re.findall(r"!\[.*?\]\(data:image/svg\+xml;base64,([\w+/=]+)\)", text)
    assert len(drawings) == 3  # two molecules, one structure of an answer
    for drawing in drawings:
        assert base64.b64decode(drawing).startswith(b"<svg")


def test_markdown_reads_no_structure_as_a_link_and_no_text_as_html(export: Export) -> None:
    text = re.sub(r"!\[.*?\]\(data:[^)]*\)|`[^`\n]+`", "", to_markdown(export))
    assert "What is C\\[C@H\\](N)C(=O)O?" in text
    assert "?  \n> \\- \\*really\\*" in text
    assert "\\<b\\>α\\</b\\>" in text
    assert not re.search(r"(?<!\\)\[[^\]]*\]\(", text)


def test_markdown_escapes_what_starts_a_list_but_no_number() -> None:
    assert literal("1. one\n- two\n= three\n180.16 g/mol\n-3.2") == (
        "1\\. one\n\\- two\n\\= three\n180.16 g/mol\n-3.2"
    )
    assert code("a`b``c") == "``` a`b``c ```"


def test_a_list_keeps_the_number_it_begins_with() -> None:
    talk = Conversation().with_message(Message("user", "Ways?"))
    talk = talk.with_message(Message("assistant", "Less likely:\n2. alpha\n3. beta"))
    export = export_of(talk, WHEN)
    assert "2. alpha\n3. beta" in to_markdown(export)
    assert re.search(r"2\.\s*alpha\s*3\.\s*beta", words_of(to_pdf(export)))


def test_sdf_reads_back_with_numbers_names_and_facts(export: Export) -> None:
    supplier = Chem.SDMolSupplier()
    supplier.SetData(to_sdf(export))
    aspirin, alanine = list(supplier)
    assert aspirin.GetProp("_Name") == aspirin.GetProp("NAME") == "aspirin"
    assert (aspirin.GetProp("NUMBER"), alanine.GetProp("NUMBER")) == ("1", "2")
    assert float(aspirin.GetProp("AVERAGE_MASS")) == pytest.approx(180.159, abs=1e-3)
    assert "ester" in aspirin.GetProp("GROUPS")
    assert Chem.MolToSmiles(alanine) == Chem.CanonSmiles("C[C@H](N)C(=O)O")
    assert not alanine.HasProp("NAME")


def test_sdf_values_cannot_end_their_record() -> None:
    text = sd_record("old\n\n\nM  END\n", "$$$$\nevil", {"NOTE": "a\n\n$$$$\nb", "EMPTY": " "})
    assert text.split("\n").count("$$$$") == 1
    assert ">  <NOTE>\na $$$$ b\n\n$$$$\n" in text
    assert "EMPTY" not in text


def test_pdf_opens_and_holds_text_marks_and_drawings(export: Export) -> None:
    pdf = to_pdf(export)
    assert pdf.startswith(b"%PDF-")
    assert pdf.rstrip().endswith(b"%%EOF")
    words = words_of(pdf)
    for phrase in ("aspirin", "formula is C9H8O4", "✗ (computed: 1 ring)", "C9H8O4 ✓", "α"):
        assert phrase in words
    assert "/Title" in pdf.decode("latin-1")


def test_a_predicted_number_leaves_with_what_is_known_of_it() -> None:
    export = export_of(predicted(), WHEN)
    assert literal(NOTE) in to_markdown(export)
    assert "off by 0.0058 Hartree" in words_of(to_pdf(export))


def test_values_of_another_species_than_the_one_asked_for_leave_with_a_word_on_it() -> None:
    said = "≠ values are of molecule 1 as drawn, not of “the dimer”"
    documents = {}
    for question in ("formula of the dimer?", "formula?"):
        talk, number = Conversation().with_molecule(Molecule.parse("CC(=O)Oc1ccccc1C(=O)O"))
        talk = talk.with_message(Message("user", question, (number,)))
        talk = talk.with_message(Message("assistant", TEXT, checks=CHECKS))
        documents[question] = export_of(talk, WHEN)
    assert said in to_markdown(documents["formula of the dimer?"])
    assert said in words_of(to_pdf(documents["formula of the dimer?"]))
    assert "as drawn" not in to_markdown(documents["formula?"])
    assert "as drawn" not in words_of(to_pdf(documents["formula?"]))


def test_pdf_of_nothing_and_of_strange_text_is_written() -> None:
    assert to_pdf(export_of(Conversation(), WHEN)).startswith(b"%PDF-")
    strange = Conversation().with_message(Message("user", "分子 \u202e \x07" + "x" * 4000))
    assert to_pdf(export_of(strange, WHEN)).startswith(b"%PDF-")


def test_notebook_recomputes_the_facts_and_finds_them_the_same(export: Export) -> None:
    notebook = json.loads(to_notebook(export))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", one) for one in ids)
    codes = ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]
    for source in codes:
        compile(source, "cell", "exec")
    space: dict[str, object] = {}
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        for source in codes[:2]:
            exec(source, space)
    assert "all facts are the same" in said.getvalue()
    exec(codes[3], space)
    assert read_json(space["exported"]).conversation == export.conversation


def test_notebook_tells_facts_that_changed(export: Export) -> None:
    notebook = json.loads(to_notebook(export).replace("C9H8O4'", "C9H8O5'"))
    codes = ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]
    space: dict[str, object] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        for source in codes[:2]:
            exec(source, space)
    assert space["different"] == {(1, "formula"): ("C9H8O5", "C9H8O4")}


def test_the_sample_has_every_verdict() -> None:
    assert {c.verdict for m in sample().conversation.messages for c in m.checks} == {
        "confirmed", "contradicted", "unverifiable",
    }  # fmt: skip
    assert TEXT.count("\n\n") == 2
