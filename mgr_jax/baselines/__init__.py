"""Classical models on hand-made features. Fitting needs the extra `tables`.

`run.score_baselines` does everything. `sources` makes `examples` from a dataset (by its `segments`)
or a table. `feature_sets` names columns. `classifiers` and `classical` fit; `historic` has the
versions of 2017. `scoring` scores by a protocol, `jobs` does this for many fits, and `summary`
makes their table.
"""
