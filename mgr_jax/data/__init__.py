"""Datasets: one folder for each, a plug-in (see `datasets`); what they share lies beside them."""

SPLITS = ("train", "validation", "test")
