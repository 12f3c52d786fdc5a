"""Whether this project computes what the published code computes, to the last tolerance.

    python -m assistant.evaluate.golden tests/data/golden [--json]

Reads `manifest.json` in the directory and checks every file it names, and every safetensors file
beside it, with the modules of this project: weights go in under their official keys, molecules as
SMILES, and each output must agree within |got - want| <= atol + rtol * |want|. Nothing is taken on
trust: a file without a check, with a tensor that no check computed, or with another SHA-256 than
the manifest's fails. Exit code 1 on any failure.
"""

import argparse
import hashlib
import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from assistant.errors import AssistantError
from assistant.evaluate.golden_checks import (
    Check,
    Comparison,
    GoldenFile,
    Mismatch,
    check_for,
    registered,
)

MANIFEST = "manifest.json"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class Result:
    """What came of one file.

    Attributes:
        file: Its name.
        passed: Whether everything in it agrees.
        max_abs_error: Largest absolute error over all tensors, NaN if none could be compared.
        n_tensors: Tensors compared.
        atol: Absolute tolerance of the manifest.
        rtol: Relative tolerance of the manifest.
        reason: Why it failed; empty when it passed.
    """

    file: str
    passed: bool
    max_abs_error: float
    n_tensors: int
    atol: float
    rtol: float
    reason: str = ""

    def line(self) -> str:
        """One line for people."""
        verdict = "PASS" if self.passed else "FAIL"
        error = "-" if math.isnan(self.max_abs_error) else f"{self.max_abs_error:.2e}"
        text = f"{verdict}  {self.file:<48} max |error| {error:>8}"
        text += f"  (atol {self.atol:g}, rtol {self.rtol:g}, {self.n_tensors} tensors)"
        return f"{text}  {self.reason}" if self.reason else text


def read_manifest(directory: Path) -> list[Mapping[str, Any]]:
    """The entries of `manifest.json`.

    Raises:
        AssistantError: No manifest, or not one of this format.
    """
    path = directory / MANIFEST
    if not path.is_file():
        raise AssistantError(f"No {MANIFEST} in '{directory}'; name a directory of golden vectors.")
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise AssistantError(f"{path} is not JSON ({error}); restore the file.") from error
    version = manifest.get("format_version")
    if version != FORMAT_VERSION:
        raise AssistantError(f"{path} has format version {version!r}; {FORMAT_VERSION} is read.")
    return list(manifest["files"])


def check_directory(directory: Path, checks: Mapping[str, Check]) -> list[Result]:
    """Checks every file of the manifest, then reports files that the manifest does not name."""
    entries = read_manifest(directory)
    results = [check_file(directory, entry, checks) for entry in entries]
    named = {entry["file"] for entry in entries}
    others = sorted(path.name for path in directory.glob("*.safetensors"))
    results += [
        Result(name, False, math.nan, 0, 0.0, 0.0, f"not in {MANIFEST}")
        for name in others
        if name not in named
    ]
    return results


def check_file(directory: Path, entry: Mapping[str, Any], checks: Mapping[str, Check]) -> Result:
    """Checks one file; whatever stops its check is the reason of its failure."""
    name = entry["file"]
    check = check_for(name, checks)
    failed = Result(name, False, math.nan, 0, entry["atol"], entry["rtol"])
    if check is None:
        return _because(failed, "no check: FAIL")
    try:
        file = GoldenFile(name, entry, _read_tensors(directory / name, entry))
        with torch.no_grad():
            return compare(file, list(check(file)))
    except (AssistantError, Mismatch, KeyError, ValueError, RuntimeError, NotImplementedError) as e:
        return _because(failed, f"{type(e).__name__}: {e}")


def _because(result: Result, reason: str) -> Result:
    return Result(**{**asdict(result), "passed": False, "reason": reason})


def _read_tensors(path: Path, entry: Mapping[str, Any]) -> dict[str, Tensor]:
    if not path.is_file():
        raise AssistantError("the file is missing")
    wanted = entry.get("sha256")
    if wanted and hashlib.sha256(path.read_bytes()).hexdigest() != wanted:
        raise AssistantError("the SHA-256 is not the manifest's: the file is damaged or another")
    try:
        return load_file(path)
    except SafetensorError as error:
        raise AssistantError(f"not a safetensors file ({error})") from error


def compare(file: GoldenFile, comparisons: Sequence[Comparison]) -> Result:
    """Holds computed tensors against the stored ones; every output must be among them.

    A check may compute more than a file stores; that is left aside.
    """
    atol, rtol = float(file.entry["atol"]), float(file.entry["rtol"])
    largest, problems = 0.0, []
    comparisons = [each for each in comparisons if each.key in file.tensors]
    for comparison in comparisons:
        error, problem = _difference(comparison, file.tensors[comparison.key], atol, rtol)
        largest = max(largest, error)
        problems += [problem] if problem else []
    left = _outputs(file.tensors) - {comparison.key for comparison in comparisons}
    if left:
        problems.append(f"not computed: {', '.join(sorted(left))}")
    if not _outputs(file.tensors):
        problems.append("the file stores no output")
    if not comparisons:
        largest = math.nan
    reason = "; ".join(problems)
    return Result(file.name, not reason, largest, len(comparisons), atol, rtol, reason)


def _outputs(keys: Iterable[str]) -> set[str]:
    return {key for key in keys if key.startswith("output/")}


def _difference(
    comparison: Comparison, want: Tensor, atol: float, rtol: float
) -> tuple[float, str]:
    """Largest absolute error and, if it is too large somewhere, a sentence."""
    got = comparison.got.detach().cpu()
    if got.shape != want.shape:
        return math.inf, f"{comparison.key} is {tuple(got.shape)} instead of {tuple(want.shape)}"
    if not want.is_floating_point():
        atol = rtol = 0.0
    got, want = got.double(), want.double()
    error = (got - want).abs()
    error = torch.where(got == want, torch.zeros_like(error), error)  # also where both are inf
    excess = ~(error <= atol + rtol * want.abs())  # a NaN exceeds every tolerance
    if comparison.where is not None:
        outside = ~comparison.where.bool().expand_as(error)
        if bool(outside.all()):
            return 0.0, f"{comparison.key} is defined nowhere, so nothing was compared"
        error, excess = error.masked_fill(outside, 0.0), excess & ~outside
    if not error.numel():
        return 0.0, ""
    largest = float(torch.nan_to_num(error, nan=math.inf, posinf=math.inf).max())
    n_wrong = int(excess.sum())
    if not n_wrong:
        return largest, ""
    return largest, f"{comparison.key} differs in {n_wrong} of {error.numel()} values"


def summary(results: Sequence[Result]) -> str:
    """The last line."""
    n_passed = sum(result.passed for result in results)
    return f"{n_passed} of {len(results)} files pass, {len(results) - n_passed} fail"


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; see the module's first lines."""
    parser = argparse.ArgumentParser(
        prog="python -m assistant.evaluate.golden",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("directory", type=Path, help="holds manifest.json and safetensors files")
    parser.add_argument("--json", action="store_true", help="print the results as JSON instead")
    options = parser.parse_args(arguments)
    try:
        results = check_directory(options.directory, registered())
    except AssistantError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    passed = bool(results) and all(result.passed for result in results)
    if options.json:
        values = {"passed": passed, "files": [_json(result) for result in results]}
        sys.stdout.write(json.dumps(values, indent=2) + "\n")
    else:
        sys.stdout.write("".join(f"{result.line()}\n" for result in results))
        sys.stdout.write(f"{summary(results)}\n")
    return 0 if passed else 1


def _json(result: Result) -> dict[str, object]:
    values = asdict(result)
    if not math.isfinite(result.max_abs_error):  # JSON has no NaN and no infinity
        values["max_abs_error"] = None
    return values


if __name__ == "__main__":
    raise SystemExit(main())
