r"""Score a model on a split or on your own labelled files.

  mgr-jax evaluate --model=runs/a --split=test --json=result.json
  mgr-jax evaluate --model=runs/a --features=mel.npz --record
  mgr-jax evaluate --model=runs/a --folder=my_music \
    --class_names="hip hop=hiphop,speech="
  mgr-jax evaluate --model=runs/a --folder=my_music --labels=songs.csv \
    --columns=genre=style

Writes <model>/predictions/<split>.npz (the table that every metric reads) and <split>.json.
--features scores the labelled tracks of a file. It leaves out tracks that were trained on, unless
--split names their split.

--folder scores audio files that are not a prepared dataset. Their labels come from an index.csv
(columns path and genre, perhaps artist), or from the names of their folders. It shows which classes
are confused, and the most confident mistakes; <model>/predictions/<name>_mistakes.csv has them all.
Files that the model was trained on are recognised by their samples and left out.
<name>_left_out.csv lists every file that was not scored. mgr-jax report --split=<name> draws it.
"""

import mgr_jax
from mgr_jax.cli._console import say
from mgr_jax.cli._flags import Flags
from mgr_jax.files import write_json

GROUP = "examine"


def define_flags(flags: Flags) -> None:
    """Defines this command's flags."""
    flags.path("model", None, "Work directory of a run.")
    flags.text("split", None, "train, validation or test; test unless --features.")
    flags.path("features", None, "A file of features to score, without the dataset.")
    flags.path("folder", None, "A folder of labelled audio files to score.")
    flags.path("labels", None, "folder: an index that is not its index.csv.")
    flags.text("columns", None, "folder: names of the columns of the index: path=file,genre=style.")
    flags.text("class_names", None, "folder: label=class,…, or a CSV file with these columns.")
    flags.switch(
        "leave_out_unknown", False, "folder: leave out labels that the model does not know."
    )
    flags.switch("include_trained", False, "folder: also score files that were trained on.")
    flags.text("name", None, "folder: name of the result; the folder's name unless given.")
    flags.limits()
    flags.integer("workers", None, "folder: decoding processes; one per CPU unless given.", least=0)
    flags.text("checkpoint", "best", "best, latest or a step.")
    flags.path("data_dir", None, "TFDS folder, if it has moved since training.")
    flags.integer("top_k", None, "K of the top-K accuracy; 3 unless given.")
    flags.target("json", "Also write the scores here.")
    flags.aggregation("probabilities")
    flags.switch("record", False, "Append the result to the ledger of results.")
    flags.switch("progress", True, "Show bars.")
    flags.target("ledger", "The ledger; docs/results.jsonl if it exists, else results.jsonl.")


def main(flags: Flags, args: list[str]) -> None:
    """Evaluates and prints."""
    flags.require(model="the work directory of a trained run, such as runs/a")
    options = flags.given("features", "folder", "labels", "columns", "class_names", "name")
    options |= flags.given("leave_out_unknown", "include_trained", "limits", "workers")
    options |= flags.given("checkpoint", "data_dir", "aggregation", "top_k", "progress")
    result = mgr_jax.evaluate(flags.model, flags.split, **options)
    say(result)
    if flags.json:
        write_json(flags.json, result.scores)
    if flags.record:
        mgr_jax.Run(result.path).record(result.split, flags.ledger)
