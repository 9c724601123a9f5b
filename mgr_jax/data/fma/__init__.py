"""FMA, a dataset for music analysis: published clips, genres and artist-disjoint splits."""
