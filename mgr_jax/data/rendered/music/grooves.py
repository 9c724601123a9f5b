"""Drum patterns, one character a sixteenth: "X" accent, "x" normal, "o" ghost note, "." rest."""

from collections.abc import Mapping

GROOVES: dict[str, Mapping[str, str]] = {
    "backbeat": {
        "kick": "X.......X.x.....",
        "snare": "....X.......X...",
        "hat": "X.x.X.x.X.x.X.x.",
    },
    "bebop": {
        "kick": "X.........x.....",
        "hat": "....x.......x...",
        "ride": "X...x.x.X...x.x.",
        "snare": "..o.......x...o.",
    },
    "boom_bap": {
        "kick": "X.....x...xx....",
        "snare": "....X.......X...",
        "hat": "x.x.x.x.x.x.x.x.",
    },
    "bossa": {
        "kick": "X..xX..xX..xX..x",
        "rim": "X..x..x...x..x..",
        "shaker": "x.x.x.x.x.x.x.x.",
    },
    "double_bass": {
        "kick": "xxxxxxxxxxxxxxxx",
        "snare": "....X.......X...",
        "crash": "X.......x.......",
    },
    "driving": {
        "kick": "X...x.x.X...x.x.",
        "snare": "....X.......X...",
        "ride": "X.x.X.x.X.x.X.x.",
    },
    "four_on_the_floor": {
        "kick": "X...X...X...X...",
        "clap": "....X.......X...",
        "hat": "x.x.x.x.x.x.x.x.",
        "open_hat": "..X...X...X...X.",
    },
    "gallop": {
        "kick": "X.xxX.xxX.xxX.xx",
        "snare": "....X.......X...",
        "hat": "X...X...X...X...",
    },
    "half_open": {
        "kick": "X..x..x.x..x....",
        "snare": "....X.......X...",
        "open_hat": "X...X...X...X...",
    },
    "head_nod": {
        "kick": "X..x....x.X.....",
        "snare": "....X..o.o..X...",
        "hat": "x.xox.x.x.xox.xx",
    },
    "none": {},
    "one_drop": {
        "kick": "........X.......",
        "rim": "........X.....o.",
        "hat": "x.x.x.x.x.x.x.x.",
    },
    "rockers": {
        "kick": "X.......X.......",
        "rim": "....x.......x..x",
        "hat": "x.xxx.xxx.xxx.xx",
    },
    "samba": {
        "kick": "X..xX..xX..xX..x",
        "rim": "x.x..x.xx.x..x..",
        "shaker": "Xoxoxoxoxoxoxoxo",
        "conga": "......x.....x.xx",
    },
    "shuffle": {
        "kick": "X.......X.....x.",
        "snare": "....X.......X...",
        "hat": "X.x.X.x.X.x.X.x.",
    },
    "sixteenths": {
        "kick": "X...X...X...X...",
        "snare": "....X.......X..o",
        "hat": "xoxoxoxoxoxoxoxo",
        "open_hat": "..x...x...x...x.",
        "conga": "x..x..x...x.x.xx",
    },
    "slow_blues": {
        "kick": "X.....x.X.......",
        "snare": "....X.......X..o",
        "ride": "X.x.x.x.X.x.x.x.",
    },
    "steppers": {
        "kick": "X...X...X...X...",
        "snare": "........X.......",
        "hat": "x.x.x.x.x.x.x.x.",
    },
    "swing": {
        "kick": "o...o...o...o...",
        "hat": "....x.......x...",
        "ride": "X...X.x.X...X.x.",
        "snare": "......o.......o.",
    },
    "thrash": {
        "kick": "X...X...X...X...",
        "snare": "..X...X...X...X.",
        "ride": "X.x.X.x.X.x.X.x.",
    },
    "timpani": {
        "tom": "X...........x.x.",
    },
    "train_beat": {
        "kick": "X.......X.......",
        "snare": "xoxoXoxoxoxoXoxo",
    },
    "trap": {
        "kick": "X.....X...x..x..",
        "clap": "........X.......",
        "hat": "x.x.x.xxx.x.xxxx",
        "open_hat": "..............x.",
    },
    "two_beat": {
        "kick": "X.......X.......",
        "rim": "....X.......X...",
        "hat": "x.x.x.x.x.x.x.x.",
    },
}

# Played in the second half of a section's last bar.
FILLS: tuple[Mapping[str, str], ...] = (
    {"snare": "........xoxoxoxX"},
    {"snare": "........x.x.....", "tom": "..........x.xxxX"},
    {"snare": "............xxxX", "kick": "........x...X..."},
    {"tom": "........x..x..x.", "kick": "........X...X..."},
)
