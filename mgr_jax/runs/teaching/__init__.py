"""The parts of `teach`, from labelled songs to a scored model folder."""
