"""The table of an ablation as Markdown."""

from collections.abc import Mapping, Sequence

import numpy as np

from assistant.evaluate.metrics.interval import Metric, interval
from assistant.evaluate.report import number_text
from assistant.train.ablation.measure import CONTROLS, OWN, Compared
from assistant.train.ablation.recipe import AblationRecipe

_WHAT = {
    "text": "SMILES and learned tokens, the same for all molecules",
    "lora": "static LoRA",
    "graph": "graph tokens",
    "mora": "instance LoRA (MoRA)",
    "graph+mora": "graph tokens and instance LoRA",
    "graph+lora": "graph tokens and static LoRA",
    "read+lora": "graph encoder, graph tokens and static LoRA",
    "experts": "a LoRA per task, mixed by an X-LoRA gate",
    "graph+mora+experts": "graph tokens, instance LoRA and experts",
    "mora-rank2": "MoRA, ΔW of rank 2",
    "mora-rank32": "MoRA, ΔW of rank 32",
    "mora-every1": "MoRA, ΔW in every layer",
    "mora-every3": "MoRA, ΔW in every third layer",
    "graph-multiturn": "graph tokens, conversations of three questions about three molecules",
}


def page_text(
    recipe: AblationRecipe,
    found: Mapping[tuple[str, str, str], Sequence[Sequence[Metric]]],
    costs: Mapping[str, Sequence[Mapping[str, float]]],
    compared: Sequence[Compared],
    *,
    command: str,
    date: str,
    base: str,
) -> str:
    """The page: what was trained, numbers per task with controls, differences with verdicts."""
    parts = [
        "# Does the graph earn its place?",
        "",
        f"`{command}` on {date}. Every arm was trained apart on the same frozen base ({base}) with"
        f" the same questions: {recipe.steps:,} steps of {recipe.batch}; seeds"
        f" {', '.join(map(str, recipe.seeds))}; tasks {', '.join(recipe.tasks)}. The SMILES is"
        f" always shown, the fact card is {'too' if recipe.card else 'not'}. Cells: mean over the"
        " seeds and its 95 % bootstrap interval over rows.",
        "",
        "## Arms",
        "| arm | what is trained | trained parameters | minutes of training |",
        "| --- | --- | --- | --- |",
        *(_cost(name, costs[name]) for name in recipe.arms),
    ]
    for task in recipe.tasks:
        parts += ["", f"## {task}", *_table(recipe, found, task), ""]
        parts += _differences([c for c in compared if c.task == task])
    return "\n".join(parts) + "\n"


def _cost(name: str, rows: Sequence[Mapping[str, float]]) -> str:
    minutes = np.mean([row["seconds"] for row in rows]) / 60
    cells = (name, _WHAT[name], f"{rows[0]['trained parameters']:,}", f"{minutes:.1f}")
    return "| " + " | ".join(cells) + " |"


def _table(
    recipe: AblationRecipe,
    found: Mapping[tuple[str, str, str], Sequence[Sequence[Metric]]],
    task: str,
) -> list[str]:
    names = [metric.name for metric in found[task, recipe.arms[0], OWN][0]]
    lines = [
        "| " + " | ".join(["arm", "graph and ΔW", "n", *names]) + " |",
        "| " + " | ".join(["---"] * (len(names) + 3)) + " |",
    ]
    for arm in recipe.arms:
        for control in CONTROLS:
            runs = found.get((task, arm, control))
            if runs is None:
                continue
            cells = [_cell([run[place] for run in runs]) for place in range(len(names))]
            lines.append("| " + " | ".join([arm, control, str(runs[0][0].n), *cells]) + " |")
    return lines


def _cell(runs: Sequence[Metric]) -> str:
    value = float(np.mean([metric.value for metric in runs]))
    if any(metric.draws is None for metric in runs) or value != value:
        return number_text(None if value != value else value)
    low, high = interval(np.mean([metric.draws for metric in runs], axis=0))
    return f"{number_text(value)} [{number_text(low)}, {number_text(high)}]"


def _differences(compared: Sequence[Compared]) -> list[str]:
    if not compared:
        return []
    name = compared[0].difference.name
    lines = [
        f"Differences of {name} ({compared[0].difference.better} is better), paired over rows:",
        "",
        "| a | b | a - b | 95 % | single seeds | verdict |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for entry in compared:
        d = entry.difference
        low, high = (number_text(None if x != x else x) for x in (d.low, d.high))
        singles = ", ".join(number_text(None if x != x else x) for x in d.single)
        cells = (entry.a, entry.b, number_text(d.a - d.b), f"[{low}, {high}]", singles, d.verdict)
        lines.append("| " + " | ".join(cells) + " |")
    return lines
