"""Looks for what makes scores too good: the same on both sides of a split.

  mgr-jax audit --dataset=gtzan/fault_filtered --sample_rate=22050
  mgr-jax audit --audio=~/music
  mgr-jax audit --table=features_3_sec.csv
  mgr-jax audit --table=fma_metadata.zip --subset=medium
  mgr-jax audit inflation --table=features_3_sec.csv --artists=artists.csv --classifiers=svm,mlp1
  mgr-jax audit inflation --config=audio_folder/choi_crnn --out=runs/inflation

Of a dataset or table: tracks, artists and further columns in several splits. Of a dataset or folder
of audio: recordings that stand in two tracks, whole or in part, though re-encoded, shifted, louder
or noisy, told by acoustic fingerprints (haitsma_kalker is built in; chromaprint needs its program
fpcalc). Of features: identical rows. Writes audit.md, audit.json and audit.png to --out.

`audit inflation` scores the same models by row, by track and by artist, and says with intervals how
much each leak adds: baselines on a dataset or a table, or the network of a config, which is trained
three times --folds times. Writes inflation.md and inflation.json.
"""

import dataclasses
import importlib.util
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import flags as absl_flags

from mgr_jax.cli import inflation
from mgr_jax.cli.paths import optional_path
from mgr_jax.errors import UserError

if TYPE_CHECKING:
    from mgr_jax.audio.fingerprint import Scheme
    from mgr_jax.leakage.material import Material

_SCHEMES = ("haitsma_kalker", "chromaprint")


def define_flags(flags: absl_flags.FlagValues, argv: list[str]) -> None:
    """Defines this command's flags."""
    absl_flags.DEFINE_string("dataset", None, "As prepare_data names it.", flag_values=flags)
    absl_flags.DEFINE_integer(
        "sample_rate", 22_050, "Of a dataset of audio, in Hz.", flag_values=flags
    )
    absl_flags.DEFINE_string("data_dir", None, "TFDS folder.", flag_values=flags)
    absl_flags.DEFINE_string("audio", None, "A folder of audio files.", flag_values=flags)
    absl_flags.DEFINE_string(
        "table", None, "A file of features: .csv, .parquet, .npz, fma_metadata.zip.",
        flag_values=flags,
    )  # fmt: skip
    absl_flags.DEFINE_string(
        "tracks", None, "--table: FMA's tracks.csv or fma_metadata.zip.", flag_values=flags
    )
    absl_flags.DEFINE_string(
        "subset", None, "--table of FMA: small, medium, large, full.", flag_values=flags
    )
    absl_flags.DEFINE_string(
        "artists", None, "An index of artists, as in mgr-jax baselines.", flag_values=flags
    )
    absl_flags.DEFINE_enum(
        "protocol",
        "dataset",
        ["dataset", "fault_filtered"],
        "Splits to audit: those that there are, or GTZAN's published lists.",
        flag_values=flags,
    )
    absl_flags.DEFINE_enum(
        "fingerprint", _SCHEMES[0], _SCHEMES, "How audio is compared.", flag_values=flags
    )
    absl_flags.DEFINE_string("out", "audit", "Folder to write to.", flag_values=flags)
    absl_flags.DEFINE_bool(
        "strict", False, "Exit with 1 if anything stands in several splits.", flag_values=flags
    )
    absl_flags.DEFINE_integer(
        "workers", os.cpu_count(), "Decoding processes.", lower_bound=0, flag_values=flags
    )
    if "inflation" in argv:
        inflation.define_flags(flags, argv)


def main(flags: absl_flags.FlagValues, args: list[str]) -> None:
    """Audits, writes and prints what was found."""
    if args == ["inflation"]:
        inflation.main(flags)
        return
    if args or sum(map(bool, (flags.dataset, flags.audio, flags.table))) != 1:
        raise UserError(
            "audit takes one of --dataset, --audio and --table, such as --audio=music, and no "
            "arguments but flags"
        )
    from mgr_jax.data.published import assign_published
    from mgr_jax.leakage.material import open_dataset, open_folder, open_table

    out, scheme = Path(flags.out).expanduser(), _scheme(flags.fingerprint)
    if flags.dataset:
        rate, data_dir = flags.sample_rate, flags.data_dir
        material = open_dataset(flags.dataset, sample_rate=rate, data_dir=data_dir, scheme=scheme)
    elif flags.audio:
        material = open_folder(Path(flags.audio).expanduser(), store_dir=out, scheme=scheme)
    else:
        table = Path(flags.table).expanduser()
        material = open_table(table, tracks=optional_path(flags.tracks), subset=flags.subset)
    material = material.with_artists(optional_path(flags.artists))
    if flags.protocol == "fault_filtered":
        material = material._replace(splits=assign_published("fault_filtered", material.names)[0])
    result = audit(material, scheme, workers=flags.workers)
    _write(result, out, scheme)
    print("\n".join([f"Audit of {material.source}", *result["summary"], f"Wrote {out}/audit.md"]))
    if flags.strict and result["crosses"]:
        found = ", ".join(f"{what} ({count})" for what, count in result["crosses"].items())
        raise UserError(f"splits of {material.source} share {found}; see {out}/audit.md")


def _scheme(name: str) -> "Scheme":
    if name == "haitsma_kalker":
        from mgr_jax.audio.fingerprint import HAITSMA_KALKER

        return HAITSMA_KALKER
    from mgr_jax.audio.chromaprint import CHROMAPRINT, require_fpcalc

    require_fpcalc()
    return CHROMAPRINT


def audit(material: "Material", scheme: "Scheme", *, workers: int) -> dict[str, Any]:
    """Audits material.

    Returns:
      What audit.json holds. `summary`: sentences. `crosses`: the number of what stands in several
      splits and should not, by kind. `splits`: see `audit_splits`; None where there are no splits.
      `apart`: the columns that should not cross. `duplicates`: the `method` and the `pairs` of
      tracks. `unreadable`: reason by track.
    """
    from mgr_jax.leakage.crossing import audit_splits

    m = material
    splits = audit_splits(m.names, m.splits, m.artists, m.groups) if any(m.splits) else None
    duplicates = _same_rows(m) if m.audio is None else _same_audio(m, scheme, workers)
    crosses = {}
    if splits:
        counts = {name: len(splits["columns"][name]["crossing"]) for name in m.apart}
        crosses = {name: count for name, count in counts.items() if count}
    if across := sum(pair["across"] for pair in duplicates["pairs"]):
        crosses[duplicates["what"]] = across
    result = {
        "source": m.source,
        "crosses": crosses,
        "splits": splits,
        "apart": m.apart,
        "unreadable": duplicates.pop("unreadable", {}),
        "duplicates": duplicates,
    }
    return {"summary": _summarise(result, m), **result}


def _summarise(result: dict[str, Any], material: "Material") -> list[str]:
    splits, tracks = result["splits"], len(material.names)
    if splits:
        counts = (f"{n} {split or 'in no split'}" for split, n in splits["tracks"].items())
        lines = [f"{', '.join(counts)} tracks"]
    else:
        lines = [f"{tracks} tracks, of which no splits are known: only pairs are told"]
    for name in result["apart"] if splits else ():
        column = splits["columns"][name]
        if column["known"]:
            lines.append(
                f"{name}: {len(column['crossing'])} of {column['values']} stand in several splits "
                f"(known of {column['known']} of {tracks} tracks)"
            )
    if not any(material.artists):
        lines.append("artist: nothing is known, so artists in several splits cannot be found")
    duplicates = result["duplicates"]
    across = sum(pair["across"] for pair in duplicates["pairs"])
    concerned = ", ".join(f"{n} of {split}" for split, n in duplicates["affected"].items())
    lines.append(
        f"same {duplicates['what']}: pairs of tracks, {across} across splits"
        f"{f' (tracks concerned: {concerned})' if across else ''}, "
        f"{len(duplicates['pairs']) - across} others"
    )
    lines.append(duplicates["method"])
    if unreadable := len(result["unreadable"]):
        lines.append(f"{unreadable} tracks cannot be read and were left out")
    return lines


def _same_rows(material: "Material") -> dict[str, Any]:
    from mgr_jax.leakage.crossing import identical_rows

    matches = identical_rows(material.rows or [])
    return {
        "what": "features",
        "method": "features are compared bit for bit; of a pair the first identical row is given",
        **_describe(
            matches,
            [{"first_at": match.row_first, "second_at": match.row_second} for match in matches],
            material,
        ),
    }


def _same_audio(material: "Material", scheme: "Scheme", workers: int) -> dict[str, Any]:
    from mgr_jax.audio.fingerprint import compare_candidates
    from mgr_jax.leakage.fingerprints import fingerprint_all
    from mgr_jax.workers import Failure

    assert material.audio is not None
    assert material.store is not None
    found = fingerprint_all(material.audio, scheme, material.store, workers=workers)
    results = list(enumerate(found.values()))
    usable = [(row, result) for row, result in results if not isinstance(result, Failure)]
    rows = [row for row, _ in usable]
    compared = [
        dataclasses.replace(match, first=rows[match.first], second=rows[match.second])
        for match in compare_candidates([words for _, words in usable], scheme, progress=True)
    ]
    limit = scheme.max_bit_error_rate
    matches = [match for match in compared if match.bit_error_rate <= limit]
    details = [
        {
            "first_at": round(match.start_first, 3),
            "second_at": round(match.start_second, 3),
            "seconds": round(match.seconds, 3),
            "bit_error_rate": round(match.bit_error_rate, 4),
        }
        for match in matches
    ]
    return {
        "what": "recording",
        "method": f"recordings are compared by {scheme.name} fingerprints where they share words "
        f"at one distance in time ({len(compared)} pairs of tracks); the same is what has a bit "
        f"error rate of at most {limit:g} over {scheme.min_seconds:g} s or more, or over the whole "
        "of a shorter track",
        "limit": limit,
        "bit_error_rates": [round(match.bit_error_rate, 4) for match in compared],
        "unreadable": {
            material.names[row]: result.reason
            for row, result in results
            if isinstance(result, Failure)
        },
        **_describe(matches, details, material),
    }


def _describe(matches, details: list[dict[str, Any]], material: "Material") -> dict[str, Any]:
    """The pairs by name, and the tracks that they concern by split."""
    from mgr_jax.leakage.crossing import audit_pairs

    sides = audit_pairs(matches, material.splits)
    across = set(sides["across"])
    pairs = [
        {
            "first": material.names[match.first],
            "first_split": material.splits[match.first],
            "second": material.names[match.second],
            "second_split": material.splits[match.second],
            "across": row in across,
            **detail,
        }
        for row, (match, detail) in enumerate(zip(matches, details, strict=True))
    ]
    return {"pairs": pairs, "between": sides["between"], "affected": sides["affected"]}


def _write(result: dict[str, Any], out: Path, scheme: "Scheme") -> None:
    from mgr_jax.reports.audit_page import draw_bit_error_rates, format_audit

    out.mkdir(parents=True, exist_ok=True)
    (out / "audit.json").write_text(json.dumps(result, indent=1) + "\n")
    rates = result["duplicates"].get("bit_error_rates")
    drawn = bool(rates) and importlib.util.find_spec("matplotlib") is not None
    if drawn:
        title = f"{result['source']}: pairs compared by {scheme.name}"
        figure = draw_bit_error_rates(rates, scheme.max_bit_error_rate, title)
        figure.savefig(out / "audit.png")
    (out / "audit.md").write_text(format_audit(result, "audit.png" if drawn else ""))
