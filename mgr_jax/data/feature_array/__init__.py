"""Files of features that were computed beforehand."""
