"""mgr_jax: music genre recognition, raw audio to genre end to end on the accelerator."""
