"""Whole experiments in one call, for Python and for the command line.

This layer joins the others. Its public names are names of `mgr_jax`.
"""
