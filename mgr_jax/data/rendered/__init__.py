"""The embedded dataset: music rendered from a seed."""
