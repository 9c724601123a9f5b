"""Pictures of timelines: one for each file."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mgr_jax.audio.io import LimitsLike
from mgr_jax.audio.overview import Overview, make_overview
from mgr_jax.decisions import Answer, Rules, TimelineLike
from mgr_jax.errors import UserError
from mgr_jax.files import expand
from mgr_jax.prediction.prediction import Prediction
from mgr_jax.prediction.predictor import Predictor, load
from mgr_jax.prediction.record import Record
from mgr_jax.prediction.stream import FilePrediction
from mgr_jax.prediction.writers import PerFile
from mgr_jax.reports import timeline
from mgr_jax.reports.figures import require_matplotlib, save_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class PictureWriter(PerFile):
    """Writes a picture of the timeline of each file; see `draw_timeline`.

    It needs predictions with a timeline and with `look=make_overview`. The record does not hold
    what is drawn, so a file whose picture is missing is predicted again.
    """

    def __init__(self, place: Callable[[str], Path]) -> None:
        """Checks that pictures can be drawn.

        Args:
          place: a function that gives the path of a file's picture by the file's name.

        Raises:
          UserError: matplotlib is not installed.
        """
        require_matplotlib()
        super().__init__(place)

    def begin(self, record: Record) -> None:
        """Does nothing: finished files have their pictures, see `lacks`."""

    def write(self, path: Path, file: FilePrediction) -> None:
        """Writes the picture of a file, if the file could be read."""
        if file.prediction is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        save_figure(_draw(file.prediction, Path(file.name).name, file.overview), path)

    def replace(self, old: FilePrediction, new: FilePrediction) -> None:
        """Does nothing: tags do not change the sound."""

    def lacks(self, name: str) -> str:
        """The path of the picture, if it is missing."""
        return "" if os.path.exists(self.place(name)) else "its picture is missing"


def draw_timeline(
    model: str | os.PathLike[str] | Predictor,
    audio: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    *,
    timeline: TimelineLike = True,
    side: Mapping[str, Any] | None = None,
    rules: Rules = Rules(),  # noqa: B008 - frozen
    limits: LimitsLike = None,
) -> "Figure":
    """Draws which genres occur in a file, and when, above its waveform and mel spectrogram.

        mgr_jax.draw_timeline("runs/a", "song.mp3", "song.png")

    Args:
      model: the folder of a trained model, the name of a pretrained one, or a predictor.
      audio: the file.
      out: a .png file to write; None: none is written.
      timeline: see `Predictor.predict`.
      side: see `Predictor.predict`.
      rules: see `Predictor.predict`.
      limits: see `Predictor.predict`.

    Returns:
      The matplotlib figure.

    Raises:
      UserError: matplotlib is not installed; or see `Predictor.predict`.
    """
    require_matplotlib()
    predictor = model if isinstance(model, Predictor) else load(model)
    predictor.description.require_classes("the model")
    (file,) = predictor.predict_files(
        [os.fspath(audio)],
        sides=[side or {}],
        timeline=timeline,
        rules=rules,
        limits=limits,
        look=make_overview,
    )
    if file.error:
        raise file.error
    assert file.prediction is not None
    figure = _draw(file.prediction, Path(file.name).name, file.overview)
    if out is not None:
        save_figure(figure, expand(out))
    return figure


def _draw(prediction: Prediction, title: str, overview: Overview | None) -> "Figure":
    if prediction.moments is None:
        raise UserError(
            "there is no timeline to draw; predict with a timeline", code="predict.no_timeline"
        )
    return timeline.draw_timeline(
        prediction.moments.edges,
        prediction.moments.probabilities,
        prediction.classes,
        [(s.start, s.end, _names(s.answer)) for s in prediction.sections],
        title,
        vars(overview) if overview else None,
    )


def _names(answer: Answer) -> tuple[str, ...]:
    """The labels of a section in the picture."""
    return answer.told or ("no music" if answer.reason == "background" else answer.label,)
