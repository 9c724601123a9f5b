"""The layer that joins: whole experiments in one call, for Python and for the command line.

What is public of it are names of `mgr_jax`.
"""
