"""Datasets: one folder for each, a plug-in (see `datasets`); shared modules lie beside them."""

SPLITS = ("train", "validation", "test")
