"""Find leaks: one track or artist on both sides of a split.

  mgr-jax audit --dataset=gtzan/fault_filtered --sample_rate=22050
  mgr-jax audit --audio=~/music
  mgr-jax audit --table=fma_metadata.zip --subset=medium

In a dataset or table it finds tracks, artists and values of other columns in several splits. In a
dataset or folder of audio it finds recordings that occur in two tracks, whole or in part, even if
they are re-encoded, shifted, louder or noisy. It compares acoustic fingerprints: haitsma_kalker is
built in, chromaprint needs the program fpcalc. In features it finds identical rows. It writes
audit.md, audit.json and audit.png to --out.
"""

import mgr_jax
from mgr_jax.cli._console import say
from mgr_jax.cli._flags import Flags
from mgr_jax.data.published import list_names
from mgr_jax.leakage import FINGERPRINTS

GROUP = "data"


def define_flags(flags: Flags) -> None:
    """Defines this command's flags."""
    flags.text("dataset", None, "A prepared dataset, by its name in prepare_data.")
    flags.integer("sample_rate", 22_050, "Sample rate of a dataset of audio, in Hz.")
    flags.path("data_dir", None, "TFDS folder.")
    flags.path("audio", None, "A folder of audio files.")
    flags.path("table", None, "A file of features: .csv, .parquet, .npz, fma_metadata.zip.")
    flags.path("tracks", None, "--table: FMA's tracks.csv or fma_metadata.zip.")
    flags.text("subset", None, "--table of FMA: small, medium, large, full.")
    flags.path("artists", None, "An index of artists, as in mgr-jax baselines.")
    protocols = ("dataset", *list_names())
    flags.choice("protocol", "dataset", protocols, "Splits to audit: its own, or published ones.")
    flags.choice("fingerprint", FINGERPRINTS[0], FINGERPRINTS, "How audio is compared.")
    flags.path("out", "audit", "Folder to write to.")
    flags.switch("strict", False, "Exit with 1 if anything is in several splits.")
    flags.limits()
    flags.integer("workers", None, "Decoding processes; one per CPU unless given.", least=0)
    flags.switch("progress", True, "Show bars.")


def main(flags: Flags, args: list[str]) -> None:
    """Audits, writes and prints what was found."""
    material = flags.given(
        "dataset", "sample_rate", "data_dir", "audio", "table", "tracks", "subset"
    )
    how = flags.given("artists", "protocol", "fingerprint", "workers", "progress", "limits")
    audit = mgr_jax.audit(**material, **how, store=flags.out)
    say(f"{audit}\nWrote {audit.save(flags.out)}")
    if flags.strict:
        audit.require_apart()
