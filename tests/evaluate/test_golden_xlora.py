"""X-LoRA agrees with the stored vectors of the original package and of PEFT."""

from pathlib import Path

import pytest

from assistant.evaluate.golden import check_file, read_manifest
from assistant.evaluate.golden_checks.xlora import CHECKS

DIRECTORY = Path(__file__).parents[1] / "data" / "golden"
ENTRIES = {e["file"]: e for e in read_manifest(DIRECTORY) if e["file"].startswith("xlora_")}


def test_the_files_of_all_four_settings_are_here():
    assert sorted(name[6] for name in ENTRIES) == ["A", "B", "C", "D"]


@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_a_file_agrees(name):
    result = check_file(DIRECTORY, ENTRIES[name], CHECKS)
    assert result.passed, result.reason
    assert result.n_tensors == 8


def test_the_corrected_softmax_is_not_the_published_one():
    """Settings C hold both; taking one for the other must not pass."""
    (entry,) = (e for name, e in ENTRIES.items() if name.startswith("xlora_C"))
    swapped = {"output/logits": "output/peft_logits", "output/peft_logits": "output/logits"}

    def check(file):
        for comparison in CHECKS["xlora"](file):
            yield type(comparison)(
                swapped.get(comparison.key, comparison.key), comparison.got, comparison.where
            )

    result = check_file(DIRECTORY, entry, {"xlora": check})
    assert "output/logits differs" in result.reason
