"""X-LoRA scalings as a table: layers by experts, each cell with its value and a colour for it."""

from collections.abc import Sequence

from assistant.chat.mixture import ExpertScalings
from assistant.sidebyside.heatmap import colour_of, heat_map
from ui.render import escape


def heat_map_html(scalings: ExpertScalings, highest: float) -> str:
    """Layers by experts; every cell has its value in figures, so the colour only helps."""
    found = heat_map(scalings)
    what = "of every token" if scalings.mode == "exact" else "of the question"
    caption = f"weight of each expert {what}, mean over the answer"
    table = _weights_table("layer", found.layers, found.experts, found.mean, highest)
    more = ""
    if len(found.sites) > len(found.layers):
        sites = _weights_table("weight", found.sites, found.experts, found.of_sites, highest)
        more = (
            f"<details><summary>each of the {len(found.sites)} adapted weights</summary>"
            f"{sites}</details>"
        )
    return (
        f'<figure class="heat"><figcaption>X-LoRA scalings: {caption}</figcaption>{table}'
        f"{_legend(highest)}{more}</figure>"
    )


def _weights_table(
    title: str,
    names: Sequence[str],
    experts: Sequence[str],
    rows: Sequence[Sequence[float]],
    highest: float,
) -> str:
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in experts)
    body = "".join(
        f'<tr><th scope="row">{escape(name.removeprefix("layer "))}</th>'
        f"{''.join(_weight_cell(weight, highest) for weight in row)}</tr>"
        for name, row in zip(names, rows, strict=True)
    )
    return (
        f'<div class="heat-scroll" tabindex="0" role="region" aria-label="scalings by {title}">'
        f'<table><thead><tr><th scope="col">{title}</th>{heads}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _weight_cell(weight: float, highest: float) -> str:
    colour, ink = colour_of(weight, highest)
    return f'<td style="background:{colour};color:{ink}">{weight:.2f}</td>'


def _legend(highest: float) -> str:
    steps = [highest * n / 4 for n in range(5)]
    cells = "".join(_weight_cell(step, highest) for step in steps)
    return (
        '<table class="heat-legend" aria-hidden="true"><tbody><tr><th>scale</th>'
        f"{cells}</tr></tbody></table>"
    )
