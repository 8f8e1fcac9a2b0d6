"""JSON number literals as exact decimals, without floats and without CPython's big integers."""

from typing import Final

MAX_PADDING: Final = 20
"""Zeros that a plain decimal may need on either side of its digits; with more an exponent is used.

As in JavaScript, where 1e20 is written out and 1e21 is not. It bounds a text by its digits:
a megabyte of `1e999` would otherwise become 170.
"""


class NumberTooLong(Exception):
    """A number has too many digits when it is written out."""


def exact_decimal(literal: str, max_digits: int | None = None) -> str:
    """The one text of the number's exact value: every literal of one value gives the same.

    Digits without zeros to spare, no sign on a zero, no exponent where MAX_PADDING allows it:
    `1.0` is `1`, `1e3` is `1000`, `12e-4` is `0.0012`; otherwise one digit before the point and
    an exponent without `+` or zeros: `1e400`, `1.5e-30`.

    Raises NumberTooLong where the value, written out, has more than `max_digits` digits before
    or after the point (however the literal spells it), and for exponents of more than 15 digits.
    """
    sign = "-" if literal.startswith("-") else ""
    mantissa, _, exponent = literal.removeprefix("-").lower().partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    significant = digits.rstrip("0")
    if not significant:
        return "0"
    # The value is `significant` times ten to the power of `scale`.
    scale = _exponent(exponent) - len(fraction) + len(digits) - len(significant)
    before = len(significant) + scale
    if max_digits is not None and (before > max_digits or -scale > max_digits):
        raise NumberTooLong
    if scale > MAX_PADDING or -before > MAX_PADDING:
        point = "." if len(significant) > 1 else ""
        return f"{sign}{significant[0]}{point}{significant[1:]}e{before - 1}"
    if scale >= 0:
        return f"{sign}{significant}{'0' * scale}"
    if before > 0:
        return f"{sign}{significant[:before]}.{significant[before:]}"
    return f"{sign}0.{'0' * -before}{significant}"


def _exponent(text: str) -> int:
    digits = text.lstrip("+-0")
    if len(digits) > 15:  # no text that fits into memory has the digits to make up for it
        raise NumberTooLong
    value = int(digits or "0")
    return -value if text.startswith("-") else value
