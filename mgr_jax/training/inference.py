"""Runs a classifier over a split and fills the predictions table."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict
from tqdm import tqdm

from mgr_jax.ahead import behind
from mgr_jax.classifier import GenreClassifier, abstract_variables, create_classifier
from mgr_jax.config import load_config
from mgr_jax.data.cache import Tracks
from mgr_jax.data.init_from import inherited_leak, inherited_overlaps
from mgr_jax.data.loader import Batch, Loader
from mgr_jax.data.pipeline import make_loader, open_split, protocol_of, target_names
from mgr_jax.data.side_inputs import encode_tracks
from mgr_jax.data.table_rows import read_table
from mgr_jax.errors import UserError
from mgr_jax.evaluation import Predictions, Protocol
from mgr_jax.input_spec import FeatureFormat, InputSpec
from mgr_jax.model_folder import read_model
from mgr_jax.side_inputs import SideFormat
from mgr_jax.training.checkpoint import load_variables
from mgr_jax.training.partition import Partition, make_partition
from mgr_jax.training.same_run import require_same_splits
from mgr_jax.training.steps import make_eval_step


def classifier_for(
    config: ConfigDict, tracks: Tracks, side: SideFormat, *, axis_name: str | None = None
) -> tuple[GenreClassifier, InputSpec]:
    """Builds the classifier of a config for the format of some tracks; see `create_classifier`.

    Args:
      config: config of the run.
      tracks: tracks of a split: their classes, and the format of their features if they have any.
      side: inputs beside the clips.
      axis_name: name of the devices' axis if they share batch statistics; None: they do not.

    Returns:
      The classifier, and its input specification.
    """
    features = None
    if tracks.kind == "features":
        columns = tuple(tracks.account.get("columns", ()))
        features = FeatureFormat(tracks.item_shape, tracks.dtype, tracks.rate, columns)
    return create_classifier(
        config,
        len(target_names(tracks, config.task)),
        features=features,
        side=side,
        axis_name=axis_name,
    )


class SplitPredictor:
    """Classifies the evaluation segments of a split, each exactly once."""

    def __init__(
        self,
        classifier: GenreClassifier,
        spec: InputSpec,
        loader: Loader,
        partition: Partition,
        *,
        per_track: int = 0,
        protocol: Protocol | None = None,
    ) -> None:
        """Makes the predictor of one split.

        Args:
          classifier: the classifier; its variables are passed with each call.
          spec: input specification of the classifier.
          loader: loader of the split.
          partition: distributes the batches over the devices.
          per_track: segments per track; 0: the fewest that cover it.
          protocol: protocol of the split, for the table; None: that of its account.
        """
        self._loader, self._partition, self._spec = loader, partition, spec
        self._per_track = per_track
        self._protocol = protocol or protocol_of(loader.tracks, spec.clip_samples)
        self._data = partition.replicate(loader.data)
        step = make_eval_step(classifier, loader.inputs, task=spec.task)
        self._step: Callable = partition.compile_predict(step)

    def compile(self, variables: Any) -> None:
        """Classifies the first batch and drops the result, so that later calls need not compile."""
        batch = next(iter(self._loader.eval_batches(self._per_track)))
        jax.block_until_ready(self._classify(variables, batch))

    def __call__(
        self,
        variables: Any,
        *,
        progress: bool = False,
        check: Callable[[], None] = lambda: None,
    ) -> Predictions:
        """Computes the predictions table.

        Args:
          variables: variables of the classifier, replicated by the partition.
          progress: show a bar.
          check: called before each batch; an error that it raises ends the call.

        Returns:
          The predictions of all segments.

        Raises:
          UserError: outputs are not finite.
        """
        tracks = self._loader.tracks
        rows, starts = self._loader.segments(self._per_track)
        batches = tqdm(
            self._loader.eval_batches(self._per_track),
            tracks.split,
            total=math.ceil(len(rows) / self._loader.batch_size),
            leave=False,
            unit="batch",
            disable=None if progress else True,
        )

        def start(batch: Batch) -> tuple[dict[str, jax.Array], Any]:
            check()
            return self._classify(variables, batch)

        parts: list[dict[str, np.ndarray]] = []
        for started in behind(map(start, batches)):
            scores, mask = jax.tree.map(self._partition.gather, started)
            parts.append({name: values[mask] for name, values in scores.items()})
        outputs = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        if not all(np.isfinite(values).all() for values in outputs.values()):
            raise UserError(
                f"the network's outputs on the {tracks.split} split are not finite; lower "
                "config.optimizer.learning_rate or set config.optimizer.clip_norm",
                code="training.not_finite",
            )
        task = self._spec.task
        label = tracks.label if task == "single_label" else tracks.tags
        ends = np.minimum(starts + self._spec.clip_samples, tracks.length[rows])
        return Predictions(
            track=tracks.track_id[rows],
            start=(tracks.offset[rows] + starts) / tracks.rate,
            end=(tracks.offset[rows] + ends) / tracks.rate,
            **outputs,
            label=label[rows],
            classes=target_names(tracks, task),
            task=task,
            split=tracks.split,
            protocol=self._protocol,
        )

    def _classify(self, variables: Any, batch: Batch) -> tuple[dict[str, jax.Array], Any]:
        """The scores of a batch, and which of its rows count; on the devices."""
        batch.pop("index")
        placed = self._partition.shard(batch)
        return self._step(variables, self._data, placed), placed["mask"]


def predict_run(
    workdir: Path,
    split: str,
    *,
    checkpoint: str | int = "best",
    data_dir: Path | None = None,
    progress: bool = False,
) -> Predictions:
    """Classifies a split of the dataset that a run was trained on.

    Args:
      workdir: folder of the run.
      split: "train", "validation" or "test".
      checkpoint: "best", "latest" or a step.
      data_dir: the TFDS folder, if it has moved since training.
      progress: show a bar.

    Returns:
      The predictions of all segments.

    Raises:
      UserError: no such run, checkpoint, dataset or split, or the dataset was prepared anew.
    """
    config = load_config(workdir / "config.json")
    if data_dir:
        config.data_dir = str(data_dir)
    # Any number of devices can evaluate: padded rows of a batch are masked.
    config.batch_size += -config.batch_size % jax.device_count()
    partition = make_partition(config.partition, config.batch_size)
    tracks = open_split(config, split, progress=progress)
    require_same_splits(workdir, tracks.account)
    classifier, described = read_model(workdir, partition.axis_name)
    side, spec = described.side, described.spec
    table = read_table(config.side_inputs.table) if config.side_inputs.table else None
    variables = load_variables(workdir, abstract_variables(classifier, spec), checkpoint)
    inherited = inherited_leak(workdir) if config.init_from else ""
    protocol = protocol_of(tracks, config.clip_samples, seed=config.seed)
    if config.init_from:
        protocol = protocol.with_overlap(*inherited_overlaps(workdir))
    predict = SplitPredictor(
        classifier,
        spec,
        make_loader(
            config,
            tracks,
            classifier.frontend,
            side=encode_tracks(side, tracks, table),
            mask_filling=spec.mask_filling,
            progress=progress,
        ),
        partition,
        per_track=spec.eval_segments,
        protocol=protocol.with_leak(side.leak, inherited),
    )
    return predict(partition.replicate(variables), progress=progress)
