"""The parts of a LLaMo checkpoint: encoder, projector, LoRA and the LLM's own input embeddings.

    mllm.graph_model.*      ─► GraphEncoder (MoleculeSTM's keys)
    mllm.ln_graph_model.*      stored, but its output is used nowhere: left out
    mllm.abstractor.*       ─► MultiLevelProjector
    mllm.language_model.*   ─► LoRA factors of q_proj and v_proj; input embeddings, which stage 1
                               trains; the frozen rest is the published Llama-2 and is left out.
                               A file without any of the LLM's own tensors is taken as one that was
                               cut down to the trained parts

LLaMo (Park et al., NeurIPS 2024, arXiv 2411.00871) published stage-1 and stage-2 checkpoints of
PyTorch Lightning. A stage-1 file has no LoRA.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor

from assistant.errors import BundleError
from assistant.graph.encoder import GraphEncoder
from assistant.graph.projector import MultiLevelProjector, ProjectorConfig
from assistant.importers import keys
from assistant.importers.stm import encoder_from
from assistant.importers.torch_file import TensorRef

GRAPH, NORM, PROJECTOR = "mllm.graph_model.", "mllm.ln_graph_model.", "mllm.abstractor."
LLM = "mllm.language_model."
_PEFT = f"{LLM}base_model.model."  # stage 2: the LLM inside a PEFT model
_LORA = re.compile(rf"{re.escape(_PEFT)}(.+)\.lora_(A|B)\.default\.weight")
_SITE = re.compile(r"(?P<stem>.*\.layers\.)(?P<layer>\d+)\.(?P<leaf>.+)")
_BASE = re.compile(
    r"(?:base_model\.model\.)?(?:lm_head\.weight|model\.(?:embed_tokens\.weight|norm\.weight|"
    r"layers\.\d+\.(?:(?:self_attn\.[qkvo]|mlp\.(?:gate|up|down))_proj\.(?:base_layer\.)?weight|"
    r"(?:input|post_attention)_layernorm\.weight|self_attn\.rotary_emb\.inv_freq)|"
    r"rotary_emb\.inv_freq))"
)
_EMBEDDINGS = "model.embed_tokens.weight"

Part = TypeVar("Part")


@dataclass(frozen=True)
class LlamoParts:
    """What a checkpoint holds, and what a person should hear of it.

    Attributes:
        lora: By module of the LLM its A (r, in) and B (out, r); empty for a stage-1 file.
        embeddings: The LLM's input embeddings as trained, (vocabulary, width); None when the file
            was cut down.
        remarks: Sentences about what was found.
    """

    encoder: GraphEncoder
    projector: MultiLevelProjector
    lora: dict[str, tuple[Tensor, Tensor]]
    embeddings: Tensor | None
    remarks: tuple[str, ...]


def wanted(key: str) -> bool:
    """Whether a tensor is needed; the frozen LLM's 13 GB are not."""
    is_part = key.startswith((GRAPH, PROJECTOR)) or _LORA.fullmatch(key) is not None
    return is_part or (key.startswith(LLM) and key.endswith(_EMBEDDINGS))


def parts_from(
    state: Mapping[str, Tensor],
    refs: Mapping[str, TensorRef],
    *,
    source: str,
    n_heads: int = 4,
    motifs_first: bool = True,
) -> LlamoParts:
    """Builds the parts.

    Args:
        state: The wanted tensors under their published keys.
        refs: All keys of the file, for strictness.
        source: The file, for errors.
        n_heads: Attention heads of the projector, which no tensor shows (published: 4).
        motifs_first: Token order; the published checkpoints have the motif tokens first.

    Raises:
        BundleError: Keys or shapes differ; every one is named with what was expected.
    """
    problems: list[str] = []

    def attempt(build: Callable[[], Part]) -> Part | None:
        try:
            return build()
        except BundleError as error:
            problems.append(str(error))
            return None

    attempt(lambda: _refuse_unknown(refs, source))
    encoder = attempt(lambda: encoder_from(state, source=source, prefix=GRAPH))
    projector = attempt(
        lambda: projector_from(
            state, source=source, prefix=PROJECTOR, n_heads=n_heads, motifs_first=motifs_first
        )
    )
    embeddings = attempt(lambda: _embeddings(state, refs, source))
    lora = attempt(lambda: lora_from(state, source=source))
    if problems or encoder is None or projector is None or lora is None:
        raise BundleError("\n".join(problems))
    _check_widths(encoder, projector, embeddings, lora, refs, source)
    shared = projector.config.shared_attention
    remarks = (
        f"the level attentions are {'one block stored several times' if shared else 'separate'}",
        f"{len(lora)} LoRA modules" if lora else "no LoRA: a stage-1 checkpoint",
        "input embeddings as trained"
        if embeddings is not None
        else "nothing of the LLM itself; its input embeddings, which stage 1 trains, stay its own",
    )
    return LlamoParts(encoder, projector, lora, embeddings, remarks)


def _refuse_unknown(refs: Mapping[str, TensorRef], source: str) -> None:
    unknown = [
        f"{key} {ref.shape}"
        for key, ref in refs.items()
        if not key.startswith((GRAPH, NORM, PROJECTOR))
        and not _LORA.fullmatch(key)
        and not (key.startswith(LLM) and _BASE.fullmatch(key.removeprefix(LLM)))
    ]
    if unknown:
        raise BundleError(
            f"{source} holds tensors that are no part of LLaMo on Llama-2: {', '.join(unknown)}."
            f" Expected are keys under {GRAPH}*, {NORM}*, {PROJECTOR}* and {LLM}*."
        )


def projector_from(
    state: Mapping[str, Tensor],
    *,
    source: str,
    prefix: str,
    n_heads: int = 4,
    motifs_first: bool = True,
) -> MultiLevelProjector:
    """The projector in a state dict, in float32 and `eval`.

    Attention blocks of all levels with equal values, or one block alone, become one shared block.
    """
    part = {key: value for key, value in state.items() if key.startswith(prefix)}
    config = _projector_config(part, prefix, source, n_heads, motifs_first)
    shared = ProjectorConfig(**{**vars(config), "shared_attention": True})
    projector = keys.build_on_meta(lambda: MultiLevelProjector(shared))
    only_one = keys.count_numbered(part, f"{prefix}cross_attention.", 1) == 1
    expected = keys.shapes_of(
        projector if only_one else keys.build_on_meta(lambda: MultiLevelProjector(config)), prefix
    )
    what = f"a LLaMo projector of {config.n_levels} levels, width {config.d_graph}"
    keys.check_shapes(part, expected, source=source, what=f"{what} to {config.d_llm}")
    if not only_one and _all_equal(part, prefix, config.n_levels):
        blocks = tuple(f"{prefix}cross_attention.{level}." for level in range(1, config.n_levels))
        part = {key: value for key, value in part.items() if not key.startswith(blocks)}
    elif not only_one:
        projector = keys.build_on_meta(lambda: MultiLevelProjector(config))
    keys.fill(projector, part, prefix)
    return projector


def _projector_config(
    state: Mapping[str, Tensor], prefix: str, source: str, n_heads: int, motifs_first: bool
) -> ProjectorConfig:
    """Sizes from the tensors that fix them; without those there is nothing to compare with."""
    depth = (keys.count_numbered(state, f"{prefix}net.", 11) + 1) // 2
    last = f"net.{2 * (depth - 1)}.weight"
    published = {"query_tokens": (6, 4, 300), "motif_query_tokens": (4, 300)}
    published |= {"net.0.weight": (4096, 300), last: (4096, 4096)}
    absent = [f"{prefix}{k} {size}" for k, size in published.items() if f"{prefix}{k}" not in state]
    if absent:
        raise BundleError(f"{source} has no LLaMo projector. missing: {', '.join(absent)}.")
    shape_of = {key: state[f"{prefix}{key}"].shape for key in published}
    queries = shape_of["query_tokens"]
    try:
        n_levels, n_queries, d_graph = queries
        return ProjectorConfig(
            d_graph=d_graph,
            d_llm=shape_of[last][0],
            n_levels=n_levels,
            n_heads=n_heads,
            n_queries=n_queries,
            n_motif_queries=shape_of["motif_query_tokens"][0],
            mlp_depth=depth,
            d_hidden=shape_of["net.0.weight"][0],
            motifs_first=motifs_first,
            motif_rows="published",
        )
    except ValueError as error:
        raise BundleError(
            f"{source}: {prefix}query_tokens {tuple(queries)} is not (levels, queries, width) for"
            f" {n_heads} heads ({error}); the published shape is (6, 4, 300)."
        ) from error


def _all_equal(state: Mapping[str, Tensor], prefix: str, n_levels: int) -> bool:
    first = f"{prefix}cross_attention.0."
    return all(
        torch.equal(value, state[key.replace(first, f"{prefix}cross_attention.{level}.")])
        for key, value in state.items()
        if key.startswith(first)
        for level in range(1, n_levels)
    )


def lora_from(state: Mapping[str, Tensor], *, source: str) -> dict[str, tuple[Tensor, Tensor]]:
    """LoRA factors by module name of the LLM; the same modules in every layer, one rank.

    Raises:
        BundleError: A factor is missing or has another shape than those of the other layers.
    """
    found = {(m[1], m[2]): v for key, v in state.items() if (m := _LORA.fullmatch(key))}
    if not found:
        return {}
    split = {module: _SITE.fullmatch(module) for module, _ in found}
    odd = [module for module, match in split.items() if match is None]
    if odd:
        raise BundleError(f"{source}: LoRA on modules outside the layers: {', '.join(odd)}.")
    sites: dict[str, Any] = {module: match for module, match in split.items() if match}
    stems = sorted({(match["stem"], match["leaf"]) for match in sites.values()})
    n_layers = 1 + max(int(match["layer"]) for match in sites.values())
    wanted_shapes: dict[str, keys.Shape] = {}
    for stem, leaf in stems:
        for factor in "AB":
            shape = _usual_shape(found, stem, leaf, factor)
            for layer in range(n_layers):
                wanted_shapes[f"{_PEFT}{stem}{layer}.{leaf}.lora_{factor}.default.weight"] = shape
    keys.check_shapes(
        {f"{_PEFT}{m}.lora_{f}.default.weight": value for (m, f), value in found.items()},
        wanted_shapes,
        source=source,
        what=f"a LoRA on {', '.join(leaf for _, leaf in stems)} of {n_layers} layers",
    )
    modules = sorted(sites, key=lambda m: (int(sites[m]["layer"]), sites[m]["leaf"]))
    return {module: (found[module, "A"], found[module, "B"]) for module in modules}


def _usual_shape(
    found: Mapping[tuple[str, str], Tensor], stem: str, leaf: str, factor: str
) -> keys.Shape:
    shapes = [
        tuple(value.shape)
        for (module, which), value in found.items()
        if which == factor and module.startswith(stem) and module.endswith(f".{leaf}")
    ]
    return max(shapes, key=shapes.count) if shapes else ()


def _embeddings(
    state: Mapping[str, Tensor], refs: Mapping[str, TensorRef], source: str
) -> Tensor | None:
    if not any(key.startswith(LLM) and not _LORA.fullmatch(key) for key in refs):
        return None
    found = [key for key in state if key.startswith(LLM) and key.endswith(_EMBEDDINGS)]
    if len(found) != 1:
        raise BundleError(
            f"{source} has {len(found)} input embeddings of the LLM; one is expected under"
            f" {LLM}model.{_EMBEDDINGS} (stage 1) or {_PEFT}{_EMBEDDINGS} (stage 2), (32001, 4096)."
        )
    return state[found[0]]


def _check_widths(
    encoder: GraphEncoder,
    projector: MultiLevelProjector,
    embeddings: Tensor | None,
    lora: Mapping[str, tuple[Tensor, Tensor]],
    refs: Mapping[str, TensorRef],
    source: str,
) -> None:
    """The parts are of one model."""
    config = projector.config
    problems = []
    if config.d_graph != encoder.config.d_model:
        problems.append(f"projector reads {config.d_graph}, encoder gives {encoder.config.d_model}")
    if config.n_levels != encoder.config.n_levels:
        problems.append(f"projector {config.n_levels} levels, encoder {encoder.config.n_levels}")
    if embeddings is not None and config.d_llm != embeddings.shape[1]:
        problems.append(f"projector writes {config.d_llm}, embeddings have {embeddings.shape[1]}")
    if lora and config.d_llm not in {A.shape[1] for A, _ in lora.values()}:
        problems.append(f"projector writes {config.d_llm}, no LoRA reads that width")
    for module, (A, B) in lora.items():
        base = refs.get(f"{_PEFT}{module}.base_layer.weight")
        if base is not None and (B.shape[0], A.shape[1]) != base.shape:
            problems.append(f"LoRA of {module} is for {B.shape[0], A.shape[1]}, not {base.shape}")
    problems += [
        f"{module} has rank {A.shape[0]} in lora_A and {B.shape[1]} in lora_B"
        for module, (A, B) in lora.items()
        if A.shape[0] != B.shape[1]
    ]
    if problems:
        raise BundleError(f"{source}: the parts do not fit each other: {'; '.join(problems)}.")
