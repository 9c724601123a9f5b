"""Teach a pretrained network your own genres.

  mgr-jax teach --on=efficientat_mn04 my_music/ --out=models/mine
  mgr-jax teach --add --out=models/mine more_music/
  mgr-jax predict --model=models/mine song.mp3

my_music/ has a folder for each genre, or an index.csv (columns path, genre, artist). Put songs that
are none of the genres into a folder _other; songs like them become undecided.

The network is not changed. Cross-validation that keeps artists (or albums, or folders) apart
chooses a head on its embedding. The head is scored on songs that it has not seen, beside the
network's own outputs, an SVM on 57 hand-made features and the majority class. The same command goes
on after an interruption; --add embeds new files only. docs/teach.md explains the score.
"""

import mgr_jax
from mgr_jax.cli._console import say
from mgr_jax.cli._flags import Flags

GROUP = "train"
ARGUMENTS = "FOLDER …"


def define_flags(flags: Flags) -> None:
    """Defines this command's flags."""
    flags.path("on", None, "The model that is taught: its folder, or a pretrained one's name.")
    flags.path("out", None, "The model folder to write.")
    flags.switch("add", False, "Add songs to a model that was taught.")
    flags.path("labels", None, "An index that is not the folder's index.csv.")
    flags.text("columns", None, "What columns of the index are called: path=file,genre=style.")
    flags.text("class_names", None, "label=genre,…, or a CSV file with the columns label, class.")
    flags.path("mapping", None, "CSV file of genre,class: what the model's own classes mean.")
    flags.text("group_by", None, "Column of the index that folds keep apart; else the artist.")
    flags.integer("folds", None, "Outer folds; 0 leaves one group out at a time.", least=0)
    flags.switch("svm", None, "Also score the SVM; by default for up to 120 files.")
    flags.integer("seed", 0, "Of the folds.", least=0)
    flags.limits()
    flags.integer("workers", None, "Decoding processes; as many as CPUs.", least=0)
    flags.switch("progress", True, "Show bars.")


def main(flags: Flags, args: list[str]) -> None:
    """Teaches and prints."""
    flags.require(out="the model folder to write, such as models/mine")
    options = flags.given("on", "add", "labels", "columns", "class_names", "mapping", "group_by")
    options |= flags.given("folds", "svm", "seed", "limits", "workers", "progress")
    made = mgr_jax.teach(args, out=flags.out, **options)
    say(f"{made}\n  mgr-jax predict --model={made.path} song.mp3")
