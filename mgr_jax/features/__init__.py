"""Hand-made features of audio, and the engine that computes them for many items.

* `fma518`, `gtzan57`, `mfcc_statistics`: published tables, column by column; `recipes` finds
  them by name. They are made from `spectra` and `constant_q`.
* `pictures`, `random_projection`: numbers for spectrograms and other arrays.
* `engine`: computes items in worker processes, with a `journal` of finished ones.
  `rows` and `table_file` make a table of them, `kept` a matrix stored with a dataset.
"""
