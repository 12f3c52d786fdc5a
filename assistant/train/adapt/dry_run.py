"""Tries a recipe on a randomly initialised LLM of a real shape: nothing is downloaded or kept.

    python -m assistant.train.adapt.dry_run --shape llama-3.1-8b --vram 24 --steps 8 [--json OUT]

Weights are drawn and quantised to NF4 layer by layer on the GPU. Every stage runs a few steps at
the planned size; the measured peak and rate stand beside the plan's.
"""

import argparse
import json
import math
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    LlamaConfig,
    PretrainedConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
)

from assistant.adapters.generator import LoraGenerator
from assistant.chem.molecule import Molecule
from assistant.commands import exit_status
from assistant.evaluate.report import refuse_file
from assistant.llm.load import LoadedLLM
from assistant.llm.random_nf4 import random_nf4
from assistant.train.adapt.build import load_encoder
from assistant.train.adapt.model import AdaptedModel, StaticLora
from assistant.train.adapt.optimizer import is_eight_bit
from assistant.train.adapt.plan import Plan, make_plan
from assistant.train.adapt.processes import Processes
from assistant.train.adapt.recipe import AdaptRecipe, StageRecipe
from assistant.train.adapt.run import AdaptRun, Budget
from assistant.train.adapt.shape import projector_config, shape_of, trained_of
from assistant.train.sources.records import Caption, Record

SHAPES: dict[str, PretrainedConfig] = {
    "llama-3.1-8b": LlamaConfig(
        vocab_size=128256,
        hidden_size=4096,
        intermediate_size=14336,
        num_hidden_layers=32,
        num_attention_heads=32,
        num_key_value_heads=8,
        max_position_embeddings=8192,
        tie_word_embeddings=False,
    ),
    "qwen2.5-7b": Qwen2Config(
        vocab_size=152064,
        hidden_size=3584,
        intermediate_size=18944,
        num_hidden_layers=28,
        num_attention_heads=28,
        num_key_value_heads=4,
        max_position_embeddings=8192,
        tie_word_embeddings=False,
    ),
    "llama-3.2-1b": LlamaConfig(
        vocab_size=128256,
        hidden_size=2048,
        intermediate_size=8192,
        num_hidden_layers=16,
        num_attention_heads=32,
        num_key_value_heads=8,
        head_dim=64,
        max_position_embeddings=8192,
        tie_word_embeddings=True,
    ),
    "tiny": LlamaConfig(
        vocab_size=1024,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        tie_word_embeddings=False,
    ),
}
_TEXT = "Molecule 1 is an alcohol. SMILES: CCO. What is it? Describe molecule 1. formula: C2H6O "


def byte_tokenizer() -> PreTrainedTokenizerFast:
    """A small tokenizer of bytes and a few words."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([_TEXT] * 20, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="</s>"
    )


def made_up_records(n: int, *, words: int) -> list[Record]:
    """Chains with long captions, so that conversations fill the planned length."""
    molecules = [Molecule.parse("C" * (1 + i % 40) + "O" * (i // 40 % 2 + 1)) for i in range(n)]
    return [Caption(m, f"alcohol number {i} " * words, f"{i}") for i, m in enumerate(molecules)]


def dry_run(shape: str, recipe: AdaptRecipe, plan: Plan, device: str) -> dict[str, object]:
    """Runs a few steps of every stage; what was measured beside what was planned."""
    processes = Processes(device)
    on_gpu = processes.device.type == "cuda"
    config = SHAPES[shape]
    llm = random_nf4(config, processes.device)
    loaded = LoadedLLM(
        model=llm,
        tokenizer=byte_tokenizer(),
        name=shape,
        quantisation="nf4",
        compute_format="NF4 kernel, bf16",
        fingerprint=f"random {shape}",
        context=config.max_position_embeddings,
        supports_cache=True,
        cache_reason="",
        end_ids=frozenset({1}),
        device=processes.device,
        dtype=torch.bfloat16,
    )
    if not on_gpu:
        from assistant.llm.differentiable import keep_differentiable

        keep_differentiable(llm)
    model = _model(loaded, recipe)
    results: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as directory:
        run = AdaptRun(
            recipe,
            made_up_records(8 * recipe.batch, words=recipe.sequence // 3),
            model,
            Path(directory),
            processes=processes,
            budget=Budget(plan.micro_tokens, plan.eight_bit),
        )
        for name, memory in plan.stages.items():
            if on_gpu:
                torch.cuda.synchronize()
                torch.cuda.reset_peak_memory_stats()
            began = time.perf_counter()
            run.train_stage(name)
            seconds = time.perf_counter() - began
            tokens = [r["tokens"] for r in _rows(Path(directory)) if r["stage"] == name]
            n_steps = run.n_steps(name)
            results[name] = {
                "planned_gb": round(memory.total / 1e9, 2),
                "peak_gb": round(torch.cuda.max_memory_allocated() / 1e9, 2) if on_gpu else None,
                "reserved_gb": round(torch.cuda.max_memory_reserved() / 1e9, 2) if on_gpu else None,
                "steps": n_steps,
                "seconds": round(seconds, 1),
                "tokens_per_step": tokens[-1],
                "tokens_per_s": round(n_steps * tokens[-1] / seconds),
            }
    return results


def _model(loaded: LoadedLLM, recipe: AdaptRecipe) -> AdaptedModel:
    from assistant.graph.projector import MultiLevelProjector

    encoder = load_encoder(None)
    projector = MultiLevelProjector(projector_config(recipe, loaded.model.config.hidden_size))
    generator = LoraGenerator(recipe.generator.config_for(loaded.model))
    lora = StaticLora(loaded.model, recipe.lora)
    return AdaptedModel(
        loaded, encoder, projector, lora=lora, generator=generator, chunk=recipe.chunk
    )


def _rows(directory: Path) -> list[dict]:
    lines = (directory / "log.jsonl").read_text(encoding="utf-8").splitlines()
    return [row for line in lines if "tokens" in (row := json.loads(line))]


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; 1 with one line when it cannot go on."""
    parser = argparse.ArgumentParser(
        prog="python -m assistant.train.adapt.dry_run", description=__doc__.splitlines()[0]
    )
    add = parser.add_argument
    add("--shape", choices=tuple(SHAPES), default="llama-3.1-8b")
    add("--vram", type=float, default=12.0, help="in 10^9 bytes (default: 12)")
    add("--steps", type=int, default=8, help="of every stage (default: 8)")
    add("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    add("--config", type=Path, default=Path("standard"), help="recipe file, or a preset")
    add("--json", type=Path, metavar="OUT", help="write the figures here")
    options = parser.parse_args(arguments)
    if not 0 < options.vram < math.inf:
        parser.error(f"--vram {options.vram} must be a positive number of GB")
    if options.steps < 1:
        parser.error(f"--steps {options.steps} must be positive")
    return exit_status(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    if options.json is not None:
        refuse_file(options.json)
    recipe = _short(AdaptRecipe.load(options.config), options.steps)
    config = SHAPES[options.shape]
    device = Processes(options.device).device
    plan = make_plan(
        shape_of(config, options.shape),
        trained_of(config, recipe),
        recipe,
        vram=options.vram * 1e9,
        eight_bit=is_eight_bit(recipe, device),
    )
    recipe = replace(recipe, sequence=plan.sequence)
    results = dry_run(options.shape, recipe, plan, device.type)
    about = {
        "shape": options.shape,
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        "vram_gb": options.vram,
        "sequence": plan.sequence,
        "conversations": plan.conversations,
        "stages": results,
    }
    text = json.dumps(about, indent=2)
    sys.stdout.write(f"{text}\n")
    if options.json:
        options.json.write_text(text + "\n", encoding="utf-8")
    return 0


def _short(recipe: AdaptRecipe, n_steps: int) -> AdaptRecipe:
    def few(stage: StageRecipe) -> StageRecipe:
        return replace(stage, epochs=max(stage.epochs, 9.0), max_steps=n_steps)

    return replace(
        recipe,
        held_out=0,
        align=few(recipe.align),
        instruct=few(recipe.instruct),
        generate=few(recipe.generate),
    )


if __name__ == "__main__":
    raise SystemExit(main())
