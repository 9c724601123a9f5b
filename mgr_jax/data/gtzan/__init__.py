"""GTZAN: 1000 clips of 30 s in ten genres (Tzanetakis and Cook, 2002)."""
