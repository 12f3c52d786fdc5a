"""Scalings as a table of layers with colours that can be read."""

import pytest

from assistant.chat.mixture import ExpertScalings
from assistant.sidebyside.heatmap import _luminance, colour_of, heat_map
from tests.sidebyside.fakes import SCALINGS


def test_a_layer_is_the_mean_of_its_weights() -> None:
    found = heat_map(SCALINGS)
    assert found.experts == ("mol", "rxn")
    assert found.layers == ("layer 0", "layer 1")
    assert found.mean[0] == pytest.approx((0.3, 0.7))
    assert found.mean[1] == (0.9, 0.1)
    assert found.of_sites == SCALINGS.mean
    assert found.sites == ("0 self_attn.q_proj", "0 mlp.down_proj", "1 self_attn.q_proj")
    assert found.highest == 0.9


def test_weights_of_no_layer_stand_for_themselves() -> None:
    found = heat_map(ExpertScalings("turn", ("a",), ("lm_head",), ((0.5,),)))
    assert found.layers == ("lm_head",)
    assert found.mean == ((0.5,),)


def test_more_is_brighter_and_letters_stand_out() -> None:
    steps = [colour_of(n / 50, 1.0) for n in range(51)]
    lights = [_luminance(tuple(bytes.fromhex(colour[1:]))) for colour, _ in steps]
    assert lights == sorted(lights)
    for (_, ink), light in zip(steps, lights, strict=True):
        letters = 0.0 if ink == "#000000" else 1.0
        low, high = sorted((letters, light))
        assert (high + 0.05) / (low + 0.05) >= 4.5  # WCAG 2 AA
    assert colour_of(-1.0, 1.0) == colour_of(0.0, 1.0) == colour_of(0.0, 0.0)
    assert colour_of(3.0, 1.0) == colour_of(1.0, 1.0)
