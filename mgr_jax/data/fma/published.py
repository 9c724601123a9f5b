"""Facts on the published files (https://github.com/mdeff/fma)."""

SUBSETS = ("small", "medium", "large", "full")
HOMEPAGE = "https://github.com/mdeff/fma"
URL = "https://os.unil.cloud.switch.ch/fma"

# README of mdeff/fma, release of 2017-05-09.
SHA1 = {
    "fma_metadata.zip": "f0df49ffe5f2a6008d7dc83c6915b31835dfe733",
    "fma_small.zip": "ade154f733639d52e35e32f5593efe5be76c6d70",
    "fma_medium.zip": "c67b69ea232021025fca9231fc1c7c1a063ab50b",
    "fma_large.zip": "497109f4dd721066b5ce5e5f250ec604dc78939e",
    "fma_full.zip": "0f0ace23fbe9ba30ecb7e95f763e435ea802b8ab",
}

# Clips were cut around the middle of the length that the archive's API gave. If that was wrong,
# they are short or hold no audio; the untrimmed tracks are complete. Seconds of the whole track
# by track id: mdeff/fma issue 8; no audio: issue 44.
NO_AUDIO = {99134: 33.25, 108925: 7.44, 133297: 113.58}
SHORT = {
    1486: 14.39, 5574: 30.46, 65753: 9.74, 80391: 67.84, 98558: 87.67, 98559: 58.80,
    98560: 86.13, 98565: 65.31, 98566: 63.63, 98567: 79.39, 98568: 114.55, 98569: 77.37,
    98571: 50.81, 105247: 18.91, 108924: 105.38, 126981: 17.45, 127336: 13.27, 143992: 26.23,
}  # fmt: skip
