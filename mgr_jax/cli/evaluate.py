"""Score a trained model on a split of its dataset, with 95 % intervals.

  mgr-jax evaluate --model=runs/a --split=test --json=result.json
  mgr-jax evaluate --model=runs/a --features=mel.npz --record

Writes <model>/predictions/<split>.npz (the table every metric reads) and <split>.json. --features
scores the labelled tracks of a file, those that were trained on left out unless --split asks so.
"""

import mgr_jax
from mgr_jax.cli._flags import Flags
from mgr_jax.files import write_json


def define_flags(flags: Flags) -> None:
    """Defines this command's flags."""
    flags.path("model", None, "Work directory of a run.")
    flags.text("split", None, "train, validation or test; test unless --features.")
    flags.path("features", None, "A file of features to score, without the dataset.")
    flags.text("checkpoint", "best", "best, latest or a step.")
    flags.path("data_dir", None, "TFDS folder, if it has moved since training.")
    flags.integer("top_k", None, "Count a track whose label is among so many classes; 3.")
    flags.target("json", "Also write the scores here.")
    flags.aggregation("probabilities")
    flags.switch("record", False, "Append the result to the ledger of results.")
    flags.target("ledger", "Which; docs/results.jsonl where there is one, else results.jsonl.")


def main(flags: Flags, args: list[str]) -> None:
    """Evaluates and prints."""
    flags.require(model="the work directory of a trained run, such as runs/a")
    options = flags.given("features", "checkpoint", "data_dir", "aggregation", "top_k")
    result = mgr_jax.evaluate(flags.model, flags.split, **options)
    print(result)
    if flags.json:
        write_json(flags.json, result.scores)
    if flags.record:
        mgr_jax.Run(result.path).record(result.split, flags.ledger)
