"""A dataset is a folder: names, flags, messages and preparing follow from it."""

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import soundfile
from errors import user_error

import mgr_jax
import mgr_jax.data
from mgr_jax import cli
from mgr_jax.data.cache import open_tracks
from mgr_jax.data.datasets import FRACTIONS, NAME, SEED, Option, find_datasets, list_datasets
from mgr_jax.data.locate import find_dataset
from mgr_jax.data.pipeline import protocol_of
from mgr_jax.data.prepare import prepare

TOY = {
    "__init__.py": '"""A toy."""',
    "dataset.py": """
        from pathlib import Path

        from mgr_jax.data.datasets import NAME, Dataset, Option

        DATASET = Dataset(
            name="toy",
            variants=("loud", "soft"),
            default_variant="soft",
            source=Option("manual_dir", Path, None, "the folder of the toy's notes"),
            options=(NAME, Option("pitch", int, 3, "how high the toy plays")),
        )
        """,
    "toy_dataset_builder.py": """
        import dataclasses
        import functools

        import numpy as np
        import tensorflow_datasets as tfds
        from etils import epath

        from mgr_jax.data.records import LoadedTrack, Track
        from mgr_jax.data.audio_builder import AudioBuilder, AudioConfig
        from mgr_jax.data.track_builder import Plan


        @dataclasses.dataclass
        class ToyConfig(AudioConfig):
            gain: float = 1.0
            pitch: int = 0


        def play(genre, number, config):
            samples = 0.1 * config.gain * np.sin(np.arange(2_000) / (1 + number + config.pitch))
            return LoadedTrack(samples.astype(np.float32))


        class Builder(AudioBuilder):
            pkg_dir_path = epath.Path(__file__).parent  # TFDS would look beside mgr_jax
            VERSION = tfds.core.Version("1.0.0")
            RELEASE_NOTES = {"1.0.0": "First release."}
            MANUAL_DOWNLOAD_INSTRUCTIONS = "notes"

            @classmethod
            def make_config(cls, *, name, variant, **options):
                gain = {"loud": 2.0, "soft": 1.0}[variant]
                return ToyConfig(name=name, gain=gain, description="A toy.", **options)

            def plan(self, manual_dir):
                config = self.builder_config
                tracks = {
                    split: [
                        Track(f"{split}{i}", g, functools.partial(play, g, i, config), g)
                        for i, g in enumerate(("ding", "dong"))
                    ]
                    for split in ("train", "validation", "test")
                }
                account = {"split_by": ["track"], "given": True, "source": manual_dir.name}
                if manual_dir.name == "no_account":
                    account = {}
                return Plan(tracks, account)
        """,
    "README.md": "A toy.",
    "CITATIONS.bib": "",
    "TAGS.txt": "",
}


@pytest.fixture
def toy(tmp_path, monkeypatch) -> Path:
    """A folder like those beside `datasets.py`, and notes to make it from."""
    folder = tmp_path / "plugins/toy"
    folder.mkdir(parents=True)
    for name, text in TOY.items():
        (folder / name).write_text(textwrap.dedent(text).lstrip(), encoding="utf-8")
    monkeypatch.setattr(mgr_jax.data, "__path__", [*mgr_jax.data.__path__, str(folder.parent)])
    before = set(sys.modules)
    notes = tmp_path / "notes"
    notes.mkdir()
    yield notes
    for name in [name for name in sys.modules if name.startswith("mgr_jax.data.toy")]:
        assert name not in before
        del sys.modules[name]
    vars(mgr_jax.data).pop("toy", None)


def test_adding_a_dataset_is_adding_a_folder(toy, tmp_path, capsys):
    assert {"toy/loud", "toy/soft"} < set(mgr_jax.list_datasets())
    assert cli.main(["prepare_data", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert re.search(r"--pitch=\S+ toy: how high the toy plays\W+3", text), text[
        text.find("--pitch") :
    ][:90]
    assert "the folder of the toy's notes" in text
    named = [name for name, record in find_datasets().items() if NAME in record.options]
    assert f"{', '.join(named)}: what to call the dataset" in text

    flags = [f"--manual_dir={toy}", "--sample_rate=12000", "--workers=0", f"--data_dir={tmp_path}"]
    assert cli.main(["prepare_data", "--dataset=toy/loud", "--pitch=7", *flags]) == 0
    assert "--config=NAME:data=toy/loud --config.sample_rate=12000" in capsys.readouterr().out
    folder = find_dataset("toy/loud", sample_rate=12_000, data_dir=tmp_path)
    # Its account says nothing of artists, and each stands in all splits.
    assert protocol_of(open_tracks(folder, "test")).crossing_artists == 2
    with user_error("dataset.not_prepared", "prepare('toy/soft', manual_dir=…, "):
        find_dataset("toy/soft", sample_rate=12_000, data_dir=tmp_path)


def test_the_messages_follow_from_the_record(toy, tmp_path):
    notes = "the folder of the toy's notes"
    for options, code, *named in [
        ({}, "argument.missing", "toy needs `manual_dir`", notes),
        ({"manual_dir": toy, "seed": 3}, "argument.not_applicable", "`seed`", "`name`, `pitch`"),
        ({"manual_dir": toy / "x"}, "folder.not_found", toy / "x", notes),
        ({"manual_dir": toy, "pitch": "high"}, "argument.wrong_type", "`pitch` is 'high'", "whole"),
    ]:
        with user_error(code, *named):
            prepare("toy", data_dir=tmp_path / "tfds", num_workers=0, **options)
    (toy.parent / "no_account").mkdir()
    with user_error("dataset.no_account", "no split_by and no given"):
        prepare("toy", data_dir=tmp_path / "tfds", manual_dir=toy.parent / "no_account")
    for name in ("x" * 300, "é" * 150):
        with user_error("dataset.wrong_name", "too many", "`name`"):
            prepare("toy", data_dir=tmp_path / "tfds", manual_dir=toy, name=name)
    for rate in (12_000.5, "high", None):
        with user_error("argument.wrong_type", f"`sample_rate` is {rate!r}"):
            prepare("toy", manual_dir=toy, sample_rate=rate)
    for rate in ("12001", 12_001.0):
        with user_error("dataset.wrong_rate", "12001", "12000"):
            prepare("toy", manual_dir=toy, sample_rate=rate)
    with user_error("unknown_name", "dataset 'toy/lowd'", "toy/loud"):
        prepare("toy/lowd")
    assert not (tmp_path / "tfds").exists()


def test_every_folder_is_a_dataset_of_its_name():
    for name, dataset in find_datasets().items():
        assert dataset.name == name
        assert not dataset.default_variant or dataset.default_variant in dataset.variants
        assert dataset.builder().name == name
    several = [option for found in find_datasets().values() for option in found.all_options()]
    types: dict[str, set] = {}
    for option in several:
        types.setdefault(option.name, set()).add((option.type, option.default))
    assert all(len(kinds) == 1 for kinds in types.values())  # one flag for all of them


def test_the_sizes_of_the_embedded_dataset_are_those_it_can_render():
    rendered = find_datasets()["rendered"]
    sizes = {config.name.rsplit("_", 1)[0] for config in rendered.builder().BUILDER_CONFIGS}
    assert sizes == set(rendered.variants)


def test_listing_and_help_start_nothing_slow():
    code = (
        "import sys, mgr_jax\n"
        "from mgr_jax import cli\n"
        "assert 'rendered/demo' in mgr_jax.list_datasets()\n"
        "assert cli.main(['prepare_data', '--help']) == 0\n"
        "slow = {'tensorflow_datasets', 'jax', 'numpy', 'soundfile'} & set(sys.modules)\n"
        "assert not slow, slow"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_options_read_what_people_write():
    assert FRACTIONS.read(["0.5", 0.25, 0.25]) == (0.5, 0.25, 0.25)
    assert Option("by", str, (), "").read("artist") == ("artist",)
    assert Option("f", Path, None, "").read("~/x") == Path.home() / "x"
    assert SEED.read(2.0) == SEED.read("2") == 2
    for seed in (1.5, "1.5", float("nan"), None):
        with user_error("argument.wrong_type", f"`seed` is {seed!r}", "whole number"):
            SEED.read(seed)
    with user_error("file.no_home", "~nobodyhere/x"):
        Option("f", Path, None, "").read("~nobodyhere/x")
    with user_error("argument.wrong_length", "`fractions` is 1.0, 2.0", "3 values, such as 0.7"):
        FRACTIONS.read((1, 2))
    with user_error("argument.wrong_type", "`fractions` is 'a,b'", "list of numbers"):
        FRACTIONS.read("a,b")


LOOK_UP = (
    "import tensorflow_datasets as tfds\n"
    "assert 'gtzan' in tfds.list_builders(with_community_datasets=False)\n"
    "assert tfds.builder_cls('gtzan').__module__.startswith('tensorflow_datasets.')\n"
)
OURS = (
    "from mgr_jax.data.datasets import find_datasets\n"
    "ours = [dataset.builder() for dataset in find_datasets().values()]\n"
)


@pytest.mark.parametrize("code", [OURS + LOOK_UP, LOOK_UP + OURS], ids=["ours first", "TFDS first"])
def test_tfds_keeps_its_own_datasets(code):
    def names(code: str) -> list[str]:
        code += "print(*tfds.list_builders(with_community_datasets=False))"
        done = subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True
        )
        return done.stdout.split()

    found = names(code)
    assert found == names("import tensorflow_datasets as tfds\n")
    assert len(found) > 200
    assert "gtzan" in found
    assert "audio_folder" not in found


def test_a_folder_in_the_home_folder_is_found_by_its_short_name(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TFDS_DATA_DIR", "~/tfds")
    for genre in ("a", "b"):
        (tmp_path / "music" / genre).mkdir(parents=True)
        for number in range(3):
            noise = np.random.default_rng([ord(genre), number]).normal(0, 0.1, 3_000)
            soundfile.write(tmp_path / "music" / genre / f"{number}.wav", noise, 12_000)
    found = mgr_jax.prepare(
        "audio_folder", manual_dir="~/music", sample_rate=12_000, num_workers=0, progress=False
    )
    assert found.folder == tmp_path / "tfds/audio_folder/music_12000/1.0.0"
    assert find_dataset(found.name, sample_rate=found.sample_rate) == found.folder
    assert "audio_folder" in list_datasets()
