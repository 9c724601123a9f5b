"""Any front end with any network: it fits, or one sentence says why not."""

import flax.linen as nn
import pytest
from errors import user_error

from mgr_jax.audio.frontends import create_frontend
from mgr_jax.classifier import (
    GenreClassifier,
    abstract_outputs,
    abstract_variables,
    create_classifier,
    init_variables,
)
from mgr_jax.config import base_config
from mgr_jax.errors import UserError
from mgr_jax.models import list_models

RATE = 12_000
FRONTENDS = {
    "waveform": {},
    "mfcc": {"n_mfcc": 13},
    "stack": {"frontends": ({"name": "log_mel"}, {"name": "log_mel", "kwargs": {"n_fft": 1024}})},
}


def pair(frontend, model, seconds=4, **kwargs):
    config = base_config()
    config.sample_rate, config.clip_samples = RATE, seconds * RATE
    config.frontend.name, config.frontend.kwargs = frontend, FRONTENDS.get(frontend, {})
    config.model.name, config.model.kwargs = model, kwargs
    return create_classifier(config, 5)


# The networks that take four seconds of them.
FIT = {
    "waveform": {
        *("autoencoder", "choi_k1c2", "choi_k2c1", "cnn1d", "cnn_sa", "crnn1d", "dieleman2014"),
        *(
            "efficientat",
            "freq_cnn",
            "li2010",
            "mlp",
            "musicnn",
            "musicnn_torch",
            "resnet18",
            "resnet34",
            "rnn",
        ),
        *("short_chunk_res", "temporal_cnn", "wav_transformer"),
    },
    "stack": {
        *("ast", "autoencoder", "bbnn", "bbnn_cqt", "cfc", "cnn1d", "cnn_sa", "crnn1d"),
        *("densenet121", "efficientat", "fma_crnn", "ltc", "mlp", "music_tagger_crnn", "musicnn"),
        *("musicnn_torch", "musicnn_vgg", "nakashika2012", "resnet18", "resnet34", "rnn"),
        *("short_chunk_res", "simple_crnn"),
    },
}


@pytest.mark.parametrize("frontend", FIT)
@pytest.mark.parametrize("model", list_models())
def test_a_pairing_fits_or_is_refused_in_one_sentence(frontend, model):
    if model in FIT[frontend]:
        logits, intermediates = abstract_outputs(*pair(frontend, model))
        assert logits.shape == (1, 5)
        assert intermediates["embedding"].shape[0] == 1
        return
    with pytest.raises(UserError) as refused:
        abstract_outputs(*pair(frontend, model))
    assert model in str(refused.value)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize(
    ("frontend", "model", "needed"),
    [
        ("log_mel", "sample_cnn", "59049"),
        ("waveform", "resnet34", None),
        ("waveform", "fcn", "1280 frames of 96 bins"),
        ("mfcc", "bbnn", None),
        ("mfcc", "square_cnn", "60 bins"),
        ("stack", "short_chunk", "128 frames"),
        ("stack", "short_chunk_res", None),
    ],
)
def test_what_fits_and_what_does_not(frontend, model, needed):
    if needed is None:
        assert abstract_outputs(*pair(frontend, model))[0].shape == (1, 5)
        return
    for shapes in (abstract_outputs, abstract_variables, lambda *x: init_variables(*x, seed=0)):
        with user_error("model.clip_too_small", model, needed):
            shapes(*pair(frontend, model))


def test_what_layers_find_out_by_themselves_is_one_sentence_too():
    class TooDeep(nn.Module):
        registered = "too_deep"

        @nn.compact
        def __call__(self, features, *, train):
            return nn.Conv(3, (200, 200, 200), padding="VALID")(features), {}

    _, spec = pair("mfcc", "mlp")
    frontend = create_frontend("mfcc", sample_rate=RATE, n_mfcc=13)
    with user_error("classifier.no_fit", "too_deep", 48000):
        abstract_outputs(GenreClassifier(frontend, TooDeep()), spec)
