"""Tests of reading published X-LoRA settings."""

import pytest

from assistant.adapters.xlora.config import XLoraConfig, parse_config

PUBLISHED = {  # every field the original package writes
    "hidden_size": 4096,
    "base_model_id": "owner/model",
    "adapters": {"biology": "owner/repo/adapters/1/", "maths": "owner/repo/adapters/2/"},
    "enable_softmax": True,
    "enable_softmax_topk": False,
    "layerwise_scalings": True,
    "xlora_depth": 2,
    "xlora_size": 2048,
    "enable_relu_and_dropout": True,
    "use_bias": False,
    "xlora_dropout_p": 0.2,
    "use_trainable_adapters": False,
    "softmax_temperature": 1,
    "top_k_lora": None,
    "scaling_pass_value": 0.0,
    "global_scaling_weight": 1.0,
}


def test_every_published_field_is_read_and_the_adapters_keep_their_order():
    config, adapters = parse_config(PUBLISHED)
    for name, value in PUBLISHED.items():
        if name != "adapters":
            assert getattr(config, name) == value
    assert list(adapters) == ["biology", "maths"]


def test_absent_fields_have_the_original_defaults():
    config, adapters = parse_config({"hidden_size": 8, "adapters": ["a", "b"]})
    assert config == XLoraConfig(8)
    assert (config.xlora_depth, config.xlora_size, config.use_bias) == (1, 2048, True)
    assert adapters == {"a": "a", "b": "b"}


def test_pefts_settings_always_have_relu_and_bias():
    values = {"peft_type": "XLORA", "hidden_size": 8, "adapters": {"0": "x"}, "revision": None}
    config, _ = parse_config(values | {"base_model_name_or_path": "owner/model"})
    assert config.enable_relu_and_dropout
    assert config.base_model_id == "owner/model"


def test_everything_wrong_is_in_one_error():
    wrong = PUBLISHED | {"xlora_depht": 3, "top_k_lora": "two", "use_bias": 1, "adapters": []}
    del wrong["hidden_size"]
    with pytest.raises(ValueError, match="unknown key 'xlora_depht'") as caught:
        parse_config(wrong)
    for part in ("top_k_lora is 'two'", "use_bias is 1", "hidden_size is missing", "no expert"):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"xlora_depth": 0}, "xlora_depth is 0"),
        ({"softmax_temperature": 0.0}, "softmax_temperature is 0"),
        ({"top_k_lora": 0}, "top_k_lora is 0"),
        ({"xlora_dropout_p": 1.0}, "xlora_dropout_p is 1"),
        ({"use_mean_pool": True}, "use_mean_pool is True: scalings of a whole sequence"),
        ({"adapters": {"a": 1}}, "neither names"),
    ],
)
def test_impossible_values_are_refused_with_the_value(change, text):
    with pytest.raises(ValueError, match=text):
        parse_config(PUBLISHED | change)


def test_unused_fields_of_earlier_versions_are_let_through():
    config, _ = parse_config(PUBLISHED | {"use_mean_pool": False, "stop_token_id": None})
    assert config == parse_config(PUBLISHED)[0]


def test_only_the_softmax_over_the_batch_couples_tokens():
    assert not XLoraConfig(8, top_k_lora=2, enable_softmax_topk=True).couples_tokens
    assert not XLoraConfig(8, top_k_lora=2, topk_softmax="batch").couples_tokens
    assert XLoraConfig(
        8, top_k_lora=2, enable_softmax_topk=True, topk_softmax="batch"
    ).couples_tokens
