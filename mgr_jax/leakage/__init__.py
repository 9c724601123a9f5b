"""What makes scores too good: the same music on both sides of a split, and what that is worth."""

# How recordings can be compared, see `fingerprints.find_scheme`; here, as it imports nothing slow.
FINGERPRINTS = ("haitsma_kalker", "chromaprint")
