"""Hand-made features of audio, and the engine that computes them for many items.

* `fma518`, `gtzan57`, `mfcc_statistics`: published tables, column by column; `recipes` finds
  them by name. `spectra` and `constant_q` are what they are made of.
* `pictures`, `random_projection`: numbers for spectrograms and other arrays.
* `engine`: goes through items in worker processes, with a `journal` of what is finished.
  `rows` and `table_file` make a table of it, `kept` a matrix beside a dataset.
"""
