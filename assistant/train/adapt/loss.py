"""Cross-entropy over a large vocabulary with the logits of one chunk in memory at a time.

    hidden (n, d) ─ chunk ─► head ─► logits (chunk, vocabulary) ─► loss, and d loss / d hidden

The head is frozen, so what a chunk has to leave behind is the gradient of its hidden states. It is
computed at once, in the forward pass; the logits are then dropped. 512 positions of a vocabulary of
128,256 take 0.6 GB this way, 8,192 positions at once would take 10.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from assistant.errors import BundleError

Head = Callable[[Tensor], Tensor]
"""From hidden states (n, d) to logits (n, vocabulary)."""


def chunked_cross_entropy(
    hidden: Tensor, targets: Tensor, weights: Tensor, head: Head, *, chunk: int = 512
) -> Tensor:
    """Weighted sum of the cross-entropy, a float32 scalar.

    Args:
        hidden: (n, d).
        targets: Token ids, (n,).
        weights: Of each position in the sum, (n,).
        head: Gives logits; its own parameters get no gradient.
        chunk: Positions at a time.
    """
    return _Chunked.apply(hidden, targets, weights, head, chunk)


class _Chunked(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx,
        hidden: Tensor,
        targets: Tensor,
        weights: Tensor,
        head: Head,
        chunk: int,
    ) -> Tensor:
        needs_gradient = ctx.needs_input_grad[0]
        total = torch.zeros((), device=hidden.device)
        gradient = torch.zeros_like(hidden) if needs_gradient else None
        for start in range(0, len(hidden), chunk):
            part = slice(start, start + chunk)
            with torch.set_grad_enabled(needs_gradient):
                rows = hidden[part].detach().requires_grad_(needs_gradient)
                losses = nn.functional.cross_entropy(
                    head(rows).float(), targets[part], reduction="none"
                )
                loss = (losses * weights[part]).sum()
            total += loss.detach()
            if gradient is not None:
                gradient[part] = torch.autograd.grad(loss, rows)[0]
        if gradient is not None:
            ctx.save_for_backward(gradient)
        return total

    @staticmethod
    def backward(
        ctx: torch.autograd.function.FunctionCtx, upstream: Tensor
    ) -> tuple[Tensor, None, None, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * upstream.to(gradient.dtype), None, None, None, None


def head_of(llm: PreTrainedModel) -> Head:
    """The model's output head, with what its family does to logits (scale, soft cap)."""
    config, linear = llm.config.get_text_config(), llm.get_output_embeddings()
    scale = float(getattr(config, "logit_scale", None) or 1.0)  # Cohere
    scale /= float(getattr(config, "logits_scaling", None) or 1.0)  # Granite
    cap = getattr(config, "final_logit_softcapping", None)  # Gemma

    def head(hidden: Tensor) -> Tensor:
        logits = linear(hidden)
        if scale != 1.0:
            logits = logits * scale
        return torch.tanh(logits / cap) * cap if cap else logits

    return head


@torch.no_grad()
def check_head(llm: PreTrainedModel, head: Head) -> None:
    """Compares a head's logits with the model's own.

    Raises:
        BundleError: The model does something to its logits that is not known here.
    """
    ids = torch.arange(5, device=llm.device)[None]
    own = llm(input_ids=ids, use_cache=False).logits.float()
    ours = head(llm.base_model(input_ids=ids, use_cache=False).last_hidden_state).float()
    if own.shape != ours.shape or not torch.allclose(own, ours, rtol=0.02, atol=0.05):
        raise BundleError(
            f"{type(llm).__name__} changes its logits in a way that is not known here, so it cannot"
            " be trained through. Choose a Llama-, Mistral-, Qwen-, Phi- or Gemma-type model."
        )
