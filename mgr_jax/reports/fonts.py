"""Names in any script in figures: finds fonts for the characters, or shows their code points."""

import functools
import re
import unicodedata
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mgr_jax.errors import printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Has a box with the name of its script for every character there is.
_PLACEHOLDER = "Last Resort"
_EAST_ASIAN = ("BOPOMOFO", "CJK", "HANGUL", "HIRAGANA", "IDEOGRAPHIC", "KATAKANA")


def drawable(text: str) -> str:
    r"""A text as matplotlib can draw it: nothing in it is an instruction or a missing glyph.

    Control characters are written as in `printable`, and dollar signs start no formula. Characters
    that no installed font has are written as code points, such as U+65E5; a warning names their
    script and a package with a font for it.

    Example:
      >>> drawable("Latin $ 日本")
      'Latin \\$ U+65E5 U+672C'
    """
    text = printable(text)
    lacking = {c for c in text if not c.isascii() and _family(c) is None}
    for script in sorted({_script(c) for c in lacking}):
        _tell_lacking(script)
    if lacking:
        points = "".join(f" U+{ord(c):04X} " if c in lacking else c for c in text)
        text = re.sub(" +", " ", points).strip()
    return text.replace("$", r"\$")


def choose_fonts(figure: "Figure") -> None:
    """Adds fonts to the texts of a figure where the usual one lacks characters."""
    from matplotlib import rcParams
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        found = [_family(c) for c in text.get_text() if not c.isascii()]
        families = list(dict.fromkeys(filter(None, found)))
        if families:
            text.set_fontfamily([*rcParams["font.family"], *families])


@functools.cache  # a run draws the same names again and again
def _tell_lacking(script: str) -> None:
    package = "fonts-noto-cjk" if script in _EAST_ASIAN else "fonts-noto-core"
    if script == "symbols":
        package = "fonts-symbola"
    warnings.warn(
        f"no installed font has all the characters of a name ({script.lower()}), so pictures show "
        f"code points, such as U+65E5; install a font, such as Debian's {package}",
        stacklevel=3,
    )


def _script(character: str) -> str:
    """Such as CJK, ARABIC or DEVANAGARI; symbols are of none."""
    name = unicodedata.name(character, "")
    is_letter = unicodedata.category(character)[0] in "LM" and "VARIATION" not in name
    return re.split("[ -]", name)[0] if is_letter else "symbols"


@functools.cache
def _family(character: str) -> str | None:
    """The family of the first font that has a character: "" for the usual one; None: none has."""
    from matplotlib.font_manager import FontProperties, findfont

    if ord(character) in _characters(findfont(FontProperties())):
        return ""
    return next((name for name, path in _fonts() if ord(character) in _characters(path)), None)


def _fonts() -> Iterator[tuple[str, str]]:
    """Families and files of upright fonts of usual weight, those without serifs first."""
    from matplotlib.font_manager import findSystemFonts, fontManager

    known = {entry.fname for entry in fontManager.ttflist}
    for path in sorted(set(findSystemFonts()) - known):  # installed since matplotlib last looked
        try:
            fontManager.addfont(path)
        except Exception:  # of FreeType: what it cannot read, nobody can draw with
            continue
    fonts = [
        entry
        for entry in fontManager.ttflist
        if entry.style == "normal"
        and entry.weight in (400, "normal", "regular", "book")
        and not entry.name.startswith(_PLACEHOLDER)
    ]
    for entry in sorted(fonts, key=lambda entry: ("Sans" not in entry.name, entry.name)):
        yield entry.name, entry.fname


@functools.cache
def _characters(path: str) -> frozenset[int]:
    """The code points that a font can draw; none of one that is made of pictures, as emoji are."""
    from matplotlib.ft2font import FT2Font

    try:
        font = FT2Font(str(Path(path)))
    except Exception:  # of FreeType
        return frozenset()
    return frozenset(font.get_charmap()) if font.scalable else frozenset()
