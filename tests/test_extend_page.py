"""docs/tutorials/extend.md: the files that it shows work in the places that it names."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs/tutorials/extend.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r'^```python title="(.+?)"\n(.*?)^```$', PAGE, re.DOTALL | re.MULTILINE))
RECIPES = re.findall(r'^    "(?:my_mel|energy)": .*?^(?=```)', PAGE, re.DOTALL | re.MULTILINE)
OUTSIDE = re.search(r"^import mgr_jax\nimport mgr_jax.data\n.*?^(?=```)", PAGE, re.DOTALL | re.M)

USES = """
import numpy as np

from mgr_jax.audio.frontends import extract_features
from mgr_jax.classifier import abstract_outputs, create_classifier

config = mgr_jax.read_config("my_config.py")
logits, intermediates = abstract_outputs(*create_classifier(config, 3))
assert logits.shape == (1, 3) and intermediates["embedding"].shape == (1, 64)

energy = mgr_jax.create_frontend("energy", sample_rate=12_000, hop_length=256, top_db=60.0)
levels = extract_features(energy, np.full(4096, 0.1, np.float32))
assert levels.shape == (9, 1) and abs(levels + 20).max() < 1e-3, levels  # dB
assert mgr_jax.create_frontend("my_mel").num_bins == 64

counts = {"train": 2, "validation": 1, "test": 1}
assert prepared.tracks == {name: {"high": n, "low": n} for name, n in counts.items()}, prepared
"""


def test_the_files_of_the_page_work_where_it_puts_them(tmp_path):
    package, plugins = tmp_path / "mgr_jax", tmp_path / "plugins/tones"
    shutil.copytree(ROOT / "mgr_jax", package)
    for name in ("configs", "third_party"):
        (tmp_path / name).symlink_to(ROOT / name)
    plugins.mkdir(parents=True)
    for name in ("__init__.py", "README.md", "TAGS.txt", "CITATIONS.bib"):
        (plugins / name).touch()
    for name, text in FILES.items():  # the dataset is tried outside the package
        place = tmp_path / name.replace("mgr_jax/data", "plugins")
        place.write_text(text, encoding="utf-8")
    recipes = package / "audio/frontends/recipes.py"
    entries = "".join(RECIPES)
    with recipes.open("a", encoding="utf-8") as file:
        file.write(
            f"from mgr_jax.audio.frontends.energy import Energy\nFRONTENDS |= {{{entries}}}\n"
        )

    done = subprocess.run(
        [sys.executable, "-c", OUTSIDE[0] + USES],
        cwd=tmp_path,
        env={"PATH": "", "HOME": str(tmp_path), "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert len(FILES) == 5
    assert len(RECIPES) == 2
    assert not done.returncode, done.stderr
