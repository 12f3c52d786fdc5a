"""Low-rank weights as an argument of a step: y = W x + scaling · B A x, chosen per token.

    segment index (b, t) ─┐                      0 = no ΔW
                          ▼
    x (b, t, in) ─► A[slot] ─► (b, t, r) ─► B ─┐
         ├────────► W (4-bit, untouched) ──────┼─► y (b, t, out)
         └────────► experts × scalings ────────┘   (adapters.xlora)

ΔW is never merged and never state of a module: `with step_adapters(deltas, segment_index):` puts
the step's adapters into a context variable, which a thread does not share with another. The same
path serves training, prefill and decoding. A site is a Linear of any kind (also 4- and 8-bit) or an
MLP block, whose ΔW is then MoRA's parallel branch "m" (arXiv 2510.12245).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from assistant.adapters.sites import SiteSpec
from assistant.adapters.weights import LoraWeights, StackedLora, StackedLowRank, stack
from assistant.adapters.xlora.experts import ExpertStep
from assistant.errors import BundleError


@dataclass(frozen=True)
class AdapterStep:
    """The adapters of one forward pass, planned once for all sites.

    Attributes:
        sites: Stacked ΔW by site name.
        rows: For each row of the batch the slots it uses, as indices into the stack, (b, k).
        pick: For each token 1 at the column of `rows` it uses, (b, t, k); None when every token of
            each row uses the row's only slot.
        single: The stack index when every token of the step uses the same one, else None.
    """

    sites: Mapping[str, StackedLowRank]
    rows: Tensor
    pick: Tensor | None
    single: int | None

    @classmethod
    def plan(
        cls, deltas: Sequence[LoraWeights] | StackedLora, segment_index: Tensor
    ) -> "AdapterStep | None":
        """Plans a step; None when no token uses a ΔW.

        Args:
            deltas: ΔW of slots 1, 2, …; slot 0 means none.
            segment_index: Slot of each token, (b, t).
        """
        stacked = deltas if isinstance(deltas, StackedLora) else stack(deltas)
        n_slots = stacked.n_slots if isinstance(deltas, StackedLora) else len(deltas)
        highest = int(segment_index.max()) if segment_index.numel() else 0
        if highest > n_slots:
            raise ValueError(f"slot {highest} asked for, but only {n_slots} ΔW are given")
        if highest == 0 or not stacked:
            return None
        index = segment_index.cpu()
        used = [sorted(set(row) - {0}) for row in index.tolist()]
        width = max(len(slots) for slots in used)
        rows = torch.tensor([[slot - 1 for slot in (s + [0] * width)[:width]] for s in used])
        rows = rows.clamp_min(0)
        counts = torch.tensor([len(slots) for slots in used])
        valid = torch.arange(width) < counts[:, None]  # (b, k)
        pick = (index[:, :, None] - 1 == rows[:, None, :]) & valid[:, None, :]
        dense = bool(width == 1 and pick.all())
        single = int(rows[0, 0]) if width == 1 and bool((rows == rows[0, 0]).all()) else None
        device = segment_index.device
        return cls(
            stacked, rows.to(device), None if dense else pick.to(device), single if dense else None
        )


@dataclass(frozen=True)
class _Running:
    """What the forward passes inside a block apply."""

    deltas: AdapterStep | None
    experts: ExpertStep | None


_STEP: ContextVar[_Running | None] = ContextVar("adapters_of_this_step", default=None)


@contextmanager
def running(step: AdapterStep | None, experts: ExpertStep | None = None) -> Iterator[None]:
    """Applies a planned step to every forward pass inside the block; None leaves the base alone.

    Do not yield out of the block: a generator shares its caller's context. With gradient
    checkpointing pass `checkpoint_contexts` as `context_fn`, for the recomputation may run in
    another thread.
    """
    nothing = step is None and experts is None
    token = _STEP.set(None if nothing else _Running(step, experts))
    try:
        yield
    finally:
        _STEP.reset(token)


def checkpoint_contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """`context_fn` of `torch.utils.checkpoint`: what applies now also applies when recomputed."""
    return nullcontext(), _running_again(_STEP.get())


@contextmanager
def _running_again(step: "_Running | None") -> Iterator[None]:
    token = _STEP.set(step)
    try:
        yield
    finally:
        _STEP.reset(token)


@contextmanager
def step_adapters(
    deltas: Sequence[LoraWeights] | StackedLora, segment_index: Tensor
) -> Iterator[None]:
    """Plans and applies: ΔW of slots 1, 2, … and the slot of each token, (b, t), 0 = none."""
    with running(AdapterStep.plan(deltas, segment_index)):
        yield


class AdaptedLinear(nn.Module):
    """A linear map (or an MLP block) plus the current step's ΔW and experts, if it has any here."""

    def __init__(self, base: nn.Module, name: str) -> None:
        super().__init__()
        self.base = base
        self.site = name

    def forward(self, x: Tensor) -> Tensor:
        """`base(x)`, plus scaling · B A x for the tokens whose slot is not 0; x is (b, t, in).

        Experts of the step come on top, each with its scaling of the token.
        """
        y = self.base(x)
        step = _STEP.get()
        if step is None:
            return y
        if step.deltas is not None:
            site = step.deltas.sites.get(self.site)
            y = y if site is None else _add_delta(y, x, site, step.deltas)
        return y if step.experts is None else step.experts.add(y, x, self.site)

    def __getattr__(self, name: str) -> object:
        """Attributes of the wrapped module (`weight`, `in_features`) show through."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("base"), name)


def _add_delta(y: Tensor, x: Tensor, site: StackedLowRank, step: AdapterStep) -> Tensor:
    lora_A, lora_B = site.lora_A.to(x.dtype), site.lora_B.to(x.dtype)
    if step.single is not None:  # decoding, or a training row of one molecule: two products
        B = lora_B if site.shares_B else lora_B[step.single]
        u = nn.functional.linear(x, lora_A[step.single])  # (b, t, r)
        return _plus(y, u, B.t(), site.scaling)
    A = lora_A[step.rows].flatten(1, 2)  # (b, k*r, in)
    u = torch.bmm(x, A.transpose(1, 2)).unflatten(2, (step.rows.shape[1], -1))  # (b, t, k, r)
    if step.pick is not None:
        # `where`, not a product: 0 * inf in another slot's column must not reach this token.
        u = torch.where(step.pick[..., None], u, u.new_zeros(()))
    if site.shares_B:
        return _plus(y, u.sum(dim=2), lora_B.t(), site.scaling)
    B = lora_B[step.rows].transpose(2, 3).flatten(1, 2)  # (b, k*r, out)
    return torch.baddbmm(y, u.flatten(2).to(B.dtype), B, alpha=site.scaling)


def _plus(y: Tensor, u: Tensor, B: Tensor, scaling: float) -> Tensor:
    flat = torch.addmm(y.flatten(0, -2), u.flatten(0, -2), B, alpha=scaling)
    return flat.view_as(y)


def named_targets(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Names and modules in module order, as if nothing had been wrapped."""

    def walk(module: nn.Module, name: str) -> Iterator[tuple[str, nn.Module]]:
        module = _bare(module)
        yield name, module
        for leaf, child in module.named_children():
            yield from walk(child, f"{name}.{leaf}" if name else leaf)

    return walk(model, "")


def _bare(module: nn.Module) -> nn.Module:
    return module.base if isinstance(module, AdaptedLinear) else module


def wrap(model: nn.Module, targets: Iterable[SiteSpec | str]) -> list[str]:
    """Puts an `AdaptedLinear` round each target, in place; wrapping twice changes nothing.

    A target may lie inside another one (a projection of a wrapped MLP block), in any order.

    Returns:
        The names of the sites, as used in `LoraWeights`.
    """
    names = [target if isinstance(target, str) else target.name for target in targets]
    modules = dict(named_targets(model))
    absent = [name for name in names if name not in modules]
    if absent:
        raise BundleError(
            f"The adapters ask for {len(absent)} modules this LLM does not have, the first is"
            f" {absent[0]}. They were made for another LLM; use the one named in their config."
        )
    for name in names:
        parent, _, leaf = name.rpartition(".")
        if not isinstance(getattr(modules[parent], leaf), AdaptedLinear):
            setattr(modules[parent], leaf, AdaptedLinear(modules[name], name))
    return names


def unwrap(model: nn.Module) -> None:
    """Takes every `AdaptedLinear` off again, so that the model can be saved under its own keys."""
    for name, module in reversed(list(model.named_modules())):  # the inner ones first
        if isinstance(module, AdaptedLinear):
            parent, _, leaf = name.rpartition(".")
            setattr(model.get_submodule(parent), leaf, module.base)
