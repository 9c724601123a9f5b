"""The result of a calibration, and its text."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mgr_jax.decisions import Decisions
from mgr_jax.errors import printable
from mgr_jax.evaluation import format_interval
from mgr_jax.runs.told import NEVER


@dataclass(frozen=True)
class Calibration:
    """The result of a calibration, as written to a run's model.json.

    Attributes:
      path: folder of the run.
      decisions: the decisions that its model.json holds now; `measured` has the numbers.
    """

    path: Path
    decisions: Decisions

    def __str__(self) -> str:
        """The temperatures, and the scores before and after, as lines of text."""
        found, d = self.decisions.measured, self.decisions
        lines = [
            f"calibrated on {found['tracks']} {found['split']} tracks: temperature "
            f"{d.track_temperature:.2f} of tracks, {d.clip_temperature:.2f} of clips",
            *_scores("before", found["before"]),
            *_scores("after", found["after"]),
            *_scores("cross-fitted", {"track": found["cross_fitted"]}),
        ]
        if reported := found.get("reported"):
            lines += _scores(f"{reported['split']} before", reported["before"])
            lines += _scores(reported["split"], reported["after"])
        if d.thresholds:
            never = [name for name, least in d.thresholds.items() if least >= NEVER]
            lines.append(f"told where a precision of {d.precision:g} was reached: {_told(d)}")
            if never:
                lines.append(f"never told, as no threshold reaches it: {', '.join(never)}")
        if heard := found.get("background"):
            lines.append(
                f"background check, fitted to {heard['clips']} clips: finds of made-up "
                + ", ".join(f"{kind} {100 * share:.0f} %" for kind, share in heard["found"].items())
            )
            if reported:
                share = format_interval(heard["refused"])
                lines.append(f"background check: refuses {share} of the {reported['split']} clips")
        if heard := found.get("timeline"):
            t = d.timeline
            lines.append(
                f"timeline: hop {t.hop:g} s, smoothing {t.smoothing:g} s, hysteresis "
                f"{t.hysteresis:g}, sections of at least {t.min_length:g} s: finds "
                f"{heard['recall']:.0%} of the boundaries in {heard['splices']} splices, and "
                f"{heard['spurious_per_10_min']:.1f} too many in 10 min of one genre"
            )
        lines.append(self._believe())
        return "\n".join(map(printable, lines))

    def _believe(self) -> str:
        """Whether the wanted precision was reached, or how to find out."""
        found, wanted = self.decisions.measured, self.decisions.precision
        if not (reported := found.get("reported")):
            checkpoint = "the checkpoint, " if found["split"] == "validation" else ""
            return (
                f"The precision on other tracks is not measured: the {found['split']} tracks "
                f"chose {checkpoint}temperatures and thresholds, so their numbers are "
                "optimistic. Give another split to report, such as test."
            )
        chose = "only the checkpoint" if reported["split"] == "validation" else "nothing"
        text = f"On {reported['split']} tracks, which chose {chose}, "
        track = reported["after"]["track"]
        share, low, high = track["precision"]
        if share is None:
            return f"{text}nothing is answered."
        text += f"{_percent(share)} of the answers are right (95 % interval {_percent(low)} to "
        text += (
            f"{_percent(high)}), and {_percent(track['coverage'][0])} of the tracks get an answer"
        )
        if wanted is None:
            return f"{text}."
        aim = f"the wanted {_percent(wanted)} is"
        if low >= wanted:
            return f"{text}: {aim} reached."
        return f"{text}: {aim} {'missed' if high < wanted else 'not shown, by so few tracks'}."


def _scores(when: str, found: Mapping[str, Any]) -> list[str]:
    lines = []
    for level, scores in found.items():
        line = f"{when:<12}  {level:<7}  log loss {scores['log_loss']:.3f}  "
        line += f"calibration error {scores['calibration_error']:.3f}"
        if "told" in scores:
            line += f"  precision {format_interval(scores['precision'])}"
            line += f"  coverage {format_interval(scores['coverage'])}"
        lines.append(line)
    return lines


def _told(decisions: Decisions) -> str:
    by_threshold: dict[float, list[str]] = {}
    for name, least in decisions.thresholds.items():
        by_threshold.setdefault(least, []).append(name)
    return "; ".join(
        f"{', '.join(names)} from {least:.3f}"
        for least, names in by_threshold.items()
        if least < NEVER
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
