"""Teach a pretrained network your own genres.

  mgr-jax teach --on=efficientat_mn04 my_music/ --out=models/mine
  mgr-jax teach --add --out=models/mine more_music/
  mgr-jax predict --model=models/mine song.mp3

my_music/ has a folder for each genre, or an index.csv (columns path, genre, artist). Songs in a
folder named _other belong to none of the genres: songs like them will be undecided. The network
itself is not changed. Cross-validation that keeps artists (albums, folders) apart chooses a
classifier on its embedding, and scores it on songs that it has not seen, beside the network's own
outputs, an SVM on 57 hand-made features and the majority class. After an interruption the same
command resumes; --add embeds only new files. docs/teach.md has scores.
"""

import mgr_jax
from mgr_jax.cli._console import say
from mgr_jax.cli._flags import Flags

GROUP = "train"
ARGUMENTS = "FOLDER …"


def define_flags(flags: Flags) -> None:
    """Defines this command's flags."""
    flags.path("on", None, "The model to teach: its folder, or the name of a pretrained network.")
    flags.path("out", None, "The model folder to write.")
    flags.switch("add", False, "Add songs to a taught model.")
    flags.path("labels", None, "An index that is not the folder's index.csv.")
    flags.text("columns", None, "Names of the columns of the index: path=file,genre=style.")
    flags.text("class_names", None, "label=genre,…, or a CSV file with the columns label, class.")
    flags.path("mapping", None, "CSV file of genre,class: what the model's own classes mean.")
    flags.text("group_by", None, "Column of the index that folds keep apart; else the artist.")
    flags.integer("folds", None, "Outer folds, 5 unless given; 0: leave one group out.", least=0)
    flags.switch("svm", None, "Also score the SVM; unless given, for up to 120 files.")
    flags.integer("seed", 0, "Seed of the folds.", least=0)
    flags.limits()
    flags.integer("workers", None, "Decoding processes; one per CPU unless given.", least=0)
    flags.switch("progress", True, "Show bars.")


def main(flags: Flags, args: list[str]) -> None:
    """Teaches and prints."""
    flags.require(out="the model folder to write, such as models/mine")
    options = flags.given("on", "add", "labels", "columns", "class_names", "mapping", "group_by")
    options |= flags.given("folds", "svm", "seed", "limits", "workers", "progress")
    made = mgr_jax.teach(args, out=flags.out, **options)
    say(f"{made}\n  mgr-jax predict --model={made.path} song.mp3")
