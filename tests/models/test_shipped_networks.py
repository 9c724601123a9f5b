"""Every shipped config describes a network that its clips fit into; for zoo/ see test_zoo.py."""

import importlib.util
from pathlib import Path

import pytest

from mgr_jax.classifier import abstract_outputs, create_classifier
from mgr_jax.config import validate
from mgr_jax.input_spec import FeatureFormat
from mgr_jax.side_inputs import SideFormat

CONFIGS = Path(__file__).parents[2] / "configs"
FILES = sorted(path.relative_to(CONFIGS).as_posix() for path in CONFIGS.glob("[!z]*/*.py"))
# What the datasets of features hold, which a config does not say.
FEATURES = {
    "feature_array/gtzan_mel30": FeatureFormat((218,), "uint8", 11.2),
    "feature_array/gtzan_mel3": FeatureFormat((128,), "float16", 43.07),
    "feature_array/gtzan_features": FeatureFormat((57,), "float32", 0.0333),
}
TABLES = {"features.csv": SideFormat(57), "features_30_sec.csv": SideFormat(57), "": SideFormat()}
EVERYWHERE = ("choi_k1c2", "choi_k2c1", "choi_k2c2", "choi_crnn", "prcnn", "sample_cnn")


def get_config(file):
    spec = importlib.util.spec_from_file_location("shipped", CONFIGS / file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.get_config()


@pytest.mark.parametrize("file", FILES)
def test_network_and_clips_fit(file):
    config = get_config(file)
    validate(config)
    classifier, spec = create_classifier(
        config,
        10,
        features=FEATURES.get(config.dataset),
        side=TABLES[config.side_inputs.table],
    )
    logits, _ = abstract_outputs(classifier, spec)
    assert logits.shape == (1, 10)


@pytest.mark.parametrize("folder", ["audio_folder", "fma_small", "gtzan"])
@pytest.mark.parametrize("model", EVERYWHERE)
def test_every_network_has_a_config_for_every_kind_of_dataset(folder, model):
    config = get_config(f"{folder}/{model}.py")
    known = {"fma_small/prcnn": "parallel_cnn_rnn"}  # the one port of it, which is for FMA
    assert config.model.name == known.get(f"{folder}/{model}", model)
    assert config.dataset.split("/")[0] == folder.split("_small")[0]
