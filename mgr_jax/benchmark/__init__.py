"""Measures the speed of mgr_jax beside other libraries, in one process and on one machine."""
