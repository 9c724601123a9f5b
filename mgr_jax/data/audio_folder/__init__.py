"""Any folder of audio files, one folder per genre, or an index.csv."""
