"""One trainer for every architecture: steps, partitioning, checkpoints, logging."""
