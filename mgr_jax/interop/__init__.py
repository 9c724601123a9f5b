"""Reads weights of other programs as model folders of mgr_jax."""
