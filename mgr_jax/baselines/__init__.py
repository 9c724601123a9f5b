"""Classical models on hand-made features. Fitting needs the extra `tables`.

`run.score_baselines` does it all. `sources` makes `examples` of a dataset (by its `segments`) or a
table, `feature_sets` names columns, `classifiers` and `classical` fit (`historic` as in 2017),
`scoring` scores by a protocol, `jobs` does so for many, and `summary` is their table.
"""
