"""Leaks: the same music on both sides of a split, and how much it raises scores."""

# Ways to compare recordings, see `fingerprints.find_scheme`; here, as this imports nothing slow.
FINGERPRINTS = ("haitsma_kalker", "chromaprint")
