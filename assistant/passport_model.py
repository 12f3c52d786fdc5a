"""What a passport says of the model that answered: its bundle, how it was loaded, what differs."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from assistant.bundle import Bundle
from assistant.chat.passport import mapping_of, versions
from assistant.errors import BundleError, OtherBundleError
from assistant.llm.load import Compute, Quantize
from assistant.llm.plan import Way

IDENTITY = (
    "bundle_sha256",
    "fingerprint",
    "quantisation",
    "compute_format",
    "device",
    "retrieval_sha256",
)


def find_bundle(model: Mapping[str, object], chosen: Path | None, checkpoints: Path) -> Path:
    """The directory of the bundle that a passport names by name and digest.

    Raises:
        OtherBundleError: The chosen one, or every one there is, is another bundle.
    """
    name, sha256 = str(model.get("model") or ""), str(model.get("bundle_sha256") or "")
    found: dict[str, str] = {}
    directories = (
        [chosen] if chosen else sorted(p.parent for p in checkpoints.glob("*/bundle.json"))
    )
    for directory in directories:
        try:
            digest = Bundle.read(directory).digest()
        except BundleError:
            if chosen:
                raise
            continue  # a folder that is no bundle of ours cannot be the one
        if digest == sha256:
            return directory
        found[directory.name] = digest
    here = ", ".join(f"{n} (sha256 {d[:12]}…)" for n, d in found.items()) or "none"
    raise OtherBundleError(
        f"The passport was made by the bundle {name!r} (sha256 {sha256[:12]}…). Here: {here}."
        " Restore that bundle (git checkout of the version that made it) or name it with --bundle.",
        name=name,
        sha256=sha256,
        found=found,
    )


def differences(passport: Mapping[str, object], identity: Mapping[str, object]) -> tuple[str, ...]:
    """What of model, settings and versions is not as the passport says, in words."""
    model = mapping_of(passport, "model")
    pairs = [(key, model.get(key), identity.get(key)) for key in IDENTITY]
    pairs.append(("adapters on", _on(model.get("adapters")), _on(identity.get("adapters"))))
    then, now = mapping_of(passport, "versions"), versions()
    pairs += [(f"version of {k}", then.get(k), now.get(k)) for k in sorted({*then, *now})]
    return tuple(
        f"{key}: {_short(before)} then, {_short(after)} now"
        for key, before, after in pairs
        if before != after
    )


def _on(adapters: object) -> list[str]:
    listed = adapters if isinstance(adapters, Sequence) else ()
    return [str(a.get("name")) for a in listed if isinstance(a, Mapping) and a.get("on")]


def _short(value: object) -> str:
    text = ", ".join(value) if isinstance(value, list) else str(value)
    return f"{text[:16]}…" if len(text) == 64 else text


def quantize_of(model: Mapping[str, object]) -> Quantize:
    """How weights are kept, as a passport notes it."""
    stored = model.get("quantisation")
    return "4bit" if stored == "nf4" else "8bit" if stored == "int8" else "none"


def compute_of(model: Mapping[str, object]) -> Compute | Way:
    """The way to compute that the passport names; only 4-bit weights on a processor have several.

    Which is fastest here may be another one, with other roundings. Older passports name the type
    of the matrices and not where their values lie.
    """
    if model.get("device") != "cpu" or model.get("quantisation") != "nf4":
        return "auto"
    said = str(model.get("compute_format"))
    if (way := Way.of_words(said)) is not None:
        return way
    last: Compute
    for last in ("bf16", "fp32"):
        if said == f"NF4 values, computed in {last}":
            return last
    return "nf4" if said.startswith("NF4 kernel") else "auto"
