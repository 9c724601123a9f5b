"""Weights of other programs, read as model folders of ours."""
