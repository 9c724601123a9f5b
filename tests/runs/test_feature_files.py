"""Files of features are scored on what neither the run nor those before it were trained on."""

import json
import logging

import numpy as np
import pytest

import mgr_jax

BINS, FRAMES = 6, 8


def write(path, seed, names):
    rng = np.random.default_rng(seed)
    mel = rng.random((len(names), BINS, FRAMES)).astype(np.float32)
    np.savez(path, mel=mel, track=names)
    return mel


@pytest.mark.slow
@pytest.mark.parametrize("renamed", [False, True])
def test_what_the_first_weights_were_trained_on_is_left_out(tmp_path, caplog, renamed):
    genres = np.repeat(["low", "top"], 10)
    config = mgr_jax.base_config()
    config.update(
        {"data_dir": str(tmp_path), "sample_rate": 0, "clip_samples": FRAMES, "num_steps": 1,
         "eval_every": 1, "batch_size": 4}
    )  # fmt: skip
    config.frontend.name, config.model.name = "precomputed", "mlp"
    for number, name in enumerate(("first", "second")):
        names = [f"{genre}.{100 * number + row:05d}" for row, genre in enumerate(genres)]
        mel = write(tmp_path / f"{name}.npz", number, names)
        mgr_jax.prepare(
            "feature_array", data_dir=tmp_path, features=tmp_path / f"{name}.npz", num_workers=0
        )
        config.dataset = f"feature_array/{name}"
        config.init_from = str(tmp_path / "first run") if number else ""
        mgr_jax.train(config, tmp_path / f"{name} run", progress=False)
        if not number:
            first, arrays = names, mel
    trained = set(json.loads((tmp_path / "first run" / "tracks.json").read_text())["train"])
    called = [f"{name[:3]}.{row + 500:05d}" if renamed else name for row, name in enumerate(first)]
    np.savez(tmp_path / "asked.npz", mel=arrays, track=called)

    caplog.set_level(logging.INFO)
    result = mgr_jax.evaluate(
        tmp_path / "second run", features=tmp_path / "asked.npz", progress=False
    )
    scored = {first[called.index(str(track))] for track in result.segments.track}
    assert scored == set(first) - trained
    assert f"Left out {len(trained)} tracks that {tmp_path / 'first run'}, which" in caplog.text
    assert ("under other names" in caplog.text) == renamed
