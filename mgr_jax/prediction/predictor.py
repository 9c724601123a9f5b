"""Predictor: a trained classifier for files, folders and arrays."""

import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mgr_jax.audio.frontends import FeatureExtractor, TrackMeter, create_frontend
from mgr_jax.audio.io import AudioError, LimitsLike, convert_waveform, read_audio
from mgr_jax.audio.spool import without_a_name
from mgr_jax.classifier import GenreClassifier, abstract_variables, how_filled
from mgr_jax.decisions import Rules, Timeline, TimelineLike
from mgr_jax.errors import UserError
from mgr_jax.input_spec import check_features
from mgr_jax.model_folder import ModelDescription, find_model, read_model
from mgr_jax.prediction.engine import ClipEngine, Outputs, TrackClips
from mgr_jax.prediction.prediction import Prediction
from mgr_jax.prediction.question import Question, answer_question, make_question, resolve_timeline
from mgr_jax.training.checkpoint import load_variables

if TYPE_CHECKING:
    from mgr_jax.prediction.live import LiveStream
    from mgr_jax.prediction.stream import FilePrediction


class Predictor:
    """Classifies audio of any length, rate and number of channels, or features; made by `load`.

        predictor = mgr_jax.load("runs/a")
        print(predictor.predict("song.mp3").label)

    A track is predicted as in evaluation: from `description.spec.eval_segments` clips, spread
    evenly over the track, or, if that is 0, from the fewest clips that cover it. The mean over the
    clips is the prediction. So a file that was a track of the dataset gets the same probabilities
    from `predict` and `evaluate`. (Front ends that normalise over the batch are an exception: their
    output depends on the other clips of the batch.)

    Attributes:
      description: the classifier's description, as in its model.json.
      classes: names of the classes.
      spec: the network's input: sample rate, length of a clip, and more.
      side: inputs beside the sound.
      engine: classifies the clips of tracks; see `ask` and `answer`.
    """

    def __init__(
        self,
        classifier: GenreClassifier,
        variables: Mapping[str, Any],
        description: ModelDescription,
    ) -> None:
        """Combines a classifier, its variables and their description; `load` does that.

        Args:
          classifier: front end and network.
          variables: parameters and statistics of the classifier.
          description: the model's description.
        """
        self.description = description
        self.classes, self.spec, self.side = description.classes, description.spec, description.side
        self.engine = ClipEngine(classifier, variables, self.spec)
        self._how_filled = how_filled(classifier, self.spec)
        self._meter = TrackMeter(classifier.frontend) if self.spec.aux else None
        # The front end with which a model of stored features reads audio.
        self._preset = create_frontend(self.spec.preset) if self.spec.preset else None
        self._extract = FeatureExtractor(self._preset) if self._preset else None

    def predict(
        self,
        audio: str | Path | np.ndarray,
        sample_rate: float | None = None,
        *,
        side: Mapping[str, Any] | None = None,
        timeline: TimelineLike = False,
        rules: Rules = Rules(),  # noqa: B008 - frozen
        limits: LimitsLike = None,
    ) -> Prediction:
        """Classifies a file or a waveform, segment by segment.

        Args:
          audio: a path, or a waveform [samples] or [samples, channels] in [-1, 1].
          sample_rate: of a waveform, in Hz.
          side: for a `fusion`: "table", a row [columns] in the order of `self.side.columns`, and
            categories by name, as in {"artist": "Bach"}; missing ones count as unseen.
          timeline: also predict segments and sections that cover the whole file; without, segments
            are the few clips that evaluation uses. Give a `Timeline`, a dict of settings that
            differ from the model's, as in {"hop": 0.5}, or True for the model's settings. The
            answer does not change.
          rules: how predictions are decided; see `Rules`.
          limits: which files are refused; see `audio.io.Limits`.

        Returns:
          The prediction. A track shorter than the network's window is padded, with a warning if the
          padding affects the result.

        Raises:
          AudioError: the file cannot be read, is silent, or is shorter than one analysis frame.
          UserError: a waveform has no rate or another shape, the model needs a table row, the model
            reads features of an unknown preset, a rule names an unknown class, or a timeline's hop
            is longer than the window.
        """
        rate = self.audio_rate()
        if isinstance(audio, str | Path):
            name = str(audio)
            samples = read_audio(
                audio,
                rate,
                allow_truncated=True,
                limits=limits,
                dtype=np.int16,
                spool=without_a_name,
            )
        else:
            name = "the array"
            samples = convert_waveform(audio, sample_rate, rate, limits=limits, dtype=np.int16)
        clips = self.ask(samples, name=name, side=side, timeline=timeline)
        return self._answers([clips], rules)[0]

    def predict_files(
        self, files: Iterable[str | Path], **options: Any
    ) -> Iterator["FilePrediction"]:
        """Classifies files, decoded in other processes; see `prediction.stream.predict_stream`.

        Args:
          files: paths of files.
          **options: further arguments of `predict_stream`.

        Returns:
          An iterator over the outcomes of the files.
        """
        from mgr_jax.prediction.stream import predict_stream  # not needed for one file

        return predict_stream(self, files, **options)

    def stream(
        self,
        sample_rate: float,
        *,
        hop: float = 1.0,
        rules: Rules = Rules(),  # noqa: B008 - frozen
        limits: LimitsLike = None,
    ) -> "LiveStream":
        """Classifies sound while it arrives, for example from a microphone.

            stream = predictor.stream(44_100)
            for block in recorder:
                for prediction in stream.push(block):
                    print(prediction.describe())
            stream.close()

        Args:
          sample_rate: sample rate of the pushed blocks, in Hz.
          hop: seconds between windows; a window is as long as the model's.
          rules: how predictions are decided; see `Rules`.
          limits: which sample rates are refused; see `audio.io.Limits`.

        Returns:
          The stream.

        Raises:
          UserError: the model needs information on the whole track, the rate or the hop is out of
            range, or a rule names an unknown class.
        """
        from mgr_jax.prediction.live import LiveStream

        return LiveStream(self, sample_rate, hop=hop, rules=rules, limits=limits)

    def audio_rate(self) -> int:
        """The sample rate in Hz of the samples that `ask` takes.

        Raises:
          UserError: the model reads features of an unknown preset.
        """
        if self._preset is None:
            self.require_kind("waveform")
        return int(self._preset.sample_rate if self._preset else self.spec.sample_rate)

    def ask(
        self,
        samples: np.ndarray,
        *,
        name: str,
        side: Mapping[str, Any] | None = None,
        timeline: TimelineLike = False,
    ) -> TrackClips:
        """The clips of a decoded track, ready for `engine`; pass the outputs to `answer`.

        Args:
          samples: [samples] int16 at `audio_rate()`, as `audio.io.read_audio` gives them.
          name: name of the file, for messages.
          side: see `predict`.
          timeline: see `predict`.

        Raises:
          AudioError: the track is shorter than one analysis frame.
          UserError: see `predict`.
        """
        rate = self.audio_rate()
        length, clip = len(samples), self.spec.clip_samples
        needed = self._preset.frame_samples if self._preset else self.spec.min_samples
        if length < needed:
            raise AudioError(
                f"{name} holds {length} samples at {rate} Hz, less than one analysis frame "
                f"({needed}); give at least {needed / rate:.2f} s",
                code="audio.too_short",
            )
        track = samples
        if self._extract is not None:
            track = check_features(self._extract(samples), self.spec)
        elif length < clip and not self.spec.mask_filling:
            warnings.warn(
                f"{name} lasts {length / rate:.1f} s, less than the network's window of "
                f"{clip / rate:.1f} s; {self._how_filled}",
                stacklevel=3,
            )
        return self._clips(track, side, timeline)

    def answer(
        self,
        question: Question,
        outputs: Outputs,
        rules: Rules = Rules(),  # noqa: B008 - frozen
    ) -> Prediction:
        """The prediction from the outputs of a track's clips.

        Args:
          question: the key of the track's clips.
          outputs: the outputs of `engine`.
          rules: see `predict`.
        """
        return answer_question(question, outputs, self.description, rules)

    def predict_features(
        self,
        features: np.ndarray,
        side: Mapping | None = None,
        *,
        timeline: TimelineLike = False,
        rules: Rules = Rules(),  # noqa: B008 - frozen
    ) -> Prediction:
        """Classifies the features of one track, segment by segment.

        Args:
          features: [frames, bins] or [frames, bins, channels], see `predict_tracks`.
          side: for a `fusion`, the further inputs of the track, see `predict`.
          timeline: see `predict`.
          rules: see `predict`.

        Returns:
          The prediction.

        Raises:
          UserError: see `predict_tracks`.
        """
        return self.predict_tracks([features], sides=[side], timeline=timeline, rules=rules)[0]

    def predict_tracks(
        self,
        tracks: Sequence[np.ndarray],
        *,
        sides: Sequence[Mapping[str, Any] | None] | None = None,
        timeline: TimelineLike = False,
        rules: Rules = Rules(),  # noqa: B008 - frozen
    ) -> list[Prediction]:
        """Classifies the features of many tracks, several at a time.

        Args:
          tracks: for each, [frames, bins] or [frames, bins, channels] as in training. Any float
            type will do; uint8 and floats are not interchangeable.
          sides: for a `fusion`, the further inputs of each track, see `predict`.
          timeline: see `predict`.
          rules: see `predict`.

        Returns:
          A prediction for each track. Tracks shorter than the network's window are padded, with a
          warning if the padding affects the result.

        Raises:
          UserError: the features have another shape or type or hold values that are not finite,
            the model reads audio, or it needs table rows.
        """
        self.require_kind("features")
        fitting = [check_features(np.asarray(features), self.spec) for features in tracks]
        short = sum(len(features) < self.spec.clip_samples for features in fitting)
        if short and not self.spec.mask_filling:
            warnings.warn(
                f"{short} of {len(fitting)} tracks have fewer frames than the network's window of "
                f"{self.spec.clip_samples}; {self._how_filled}",
                stacklevel=2,
            )
        clips = (
            self._clips(track, side, timeline)
            for track, side in zip(fitting, sides or [None] * len(fitting), strict=True)
        )
        return self._answers(clips, rules)

    def timeline_of(self, asked: TimelineLike) -> Timeline | None:
        """The timeline that is asked for; see `question.resolve_timeline`."""
        return resolve_timeline(asked, self.description)

    def require_kind(self, kind: str) -> None:
        """Checks that the model reads "waveform" or "features".

        Args:
          kind: one of the two.

        Raises:
          UserError: the model reads the other.
        """
        if self.spec.kind != kind:
            raise UserError(
                "this model reads audio, not feature arrays; give it audio files or waveforms"
                if kind == "features"
                else "this model reads feature arrays, not audio, and does not name their preset; "
                "give it a file or arrays of features (predict_features)",
                code="predict.other_kind",
            )

    def _answers(self, clips: Iterable[TrackClips], rules: Rules) -> list[Prediction]:
        return [self.answer(question, outputs, rules) for question, outputs in self.engine(clips)]

    def _clips(self, track: Any, side: Any, timeline: TimelineLike) -> TrackClips:
        """The clips of a track [time steps, ...] of the spec's dtype, which is not empty."""
        question = make_question(track, self.description, self.timeline_of(timeline))
        measured = self._meter.measure_track(track) if self._meter else {}
        aux = measured | self.side.encode_track(side)
        return TrackClips(question, track, question.starts, aux)


def load(folder: str | os.PathLike[str], *, checkpoint: str | int = "best") -> Predictor:
    """Loads a trained model for prediction.

        predictor = mgr_jax.load("runs/a")
        predictor.predict("song.mp3").label

    Args:
      folder: folder of the model, such as the work directory that `mgr-jax train` wrote; or the
        name of a pretrained network, see `mgr-jax pretrained`.
      checkpoint: "best" by validation score, "latest", or a step.

    Returns:
      The predictor.

    Raises:
      UserError: there is no such model or checkpoint, or they do not fit together.
    """
    folder = find_model(folder)
    classifier, description = read_model(folder)
    if description.classes and not description.trained_to_classify:
        warnings.warn(
            f"{folder} was not trained to classify music: its probabilities mean nothing",
            stacklevel=2,
        )
    variables = abstract_variables(classifier, description.spec)
    return Predictor(classifier, load_variables(folder, variables, checkpoint), description)
