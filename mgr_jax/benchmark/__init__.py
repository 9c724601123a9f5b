"""How fast mgr_jax is, beside other libraries, in one process and on one machine."""
