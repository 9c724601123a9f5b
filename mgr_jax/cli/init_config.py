"""Copies a shipped config into this folder, to be changed; without a name, lists them.

mgr-jax init_config rendered/choi_crnn
"""

import ast
import shutil
from pathlib import Path

from absl import flags as absl_flags

from mgr_jax.config.files import find_config, list_configs, shipped_configs
from mgr_jax.errors import UserError


def define_flags(flags: absl_flags.FlagValues, argv: list[str]) -> None:
    """Defines this command's flags."""
    del argv
    absl_flags.DEFINE_string("out", ".", "Folder to copy it to.", flag_values=flags)


def main(flags: absl_flags.FlagValues, args: list[str]) -> None:
    """Copies the configs that are named."""
    if not args:
        for name in list_configs():
            tree = ast.parse((shipped_configs() / f"{name}.py").read_text())
            summary = (ast.get_docstring(tree) or "").splitlines()
            print(f"  {name:<32} {summary[0] if summary else ''}")
    for name in args:
        source = find_config(name)
        target = Path(flags.out) / source.name
        if target.exists():
            raise UserError(f"{target} exists already; remove it or choose another --out")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        print(f"Wrote {target}; train with: mgr-jax train --config={target} --workdir=runs/NAME")
