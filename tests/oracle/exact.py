"""Exact numbers and canonical JSON. A number is an integer in units of 10^-38."""

import json
import sys
from decimal import Decimal
from fractions import Fraction

sys.set_int_max_str_digits(0)  # JSON numbers may be of any length

UNIT = 10**38
LIMIT = 10**38 * UNIT


class BadValue(Exception):
    pass


def number(value):
    """An int or Decimal of a parsed event, in units: rounded half to even, below 10^38."""
    if isinstance(value, int):
        units = value * UNIT
    elif value.is_zero() or value.adjusted() < -40:
        units = 0
    elif value.adjusted() > 40:
        raise BadValue(f"number of 10^38 or more: {value}")
    else:
        units = round(Fraction(value) * UNIT)
    if abs(units) >= LIMIT:
        raise BadValue(f"number of 10^38 or more: {value}")
    return units


def text(units):
    """Without exponent, trailing zeros, -0."""
    whole, part = divmod(abs(units), UNIT)
    decimals = f"{part:038d}".rstrip("0")
    return ("-" if units < 0 else "") + str(whole) + ("." + decimals if decimals else "")


def quotient(units, count):
    """units / count rounded once, half to even, to 17 significant digits, at most 38 decimals."""
    exact = Fraction(units, UNIT * count)
    if exact == 0:
        return "0"
    lead = len(str(abs(exact.numerator))) - len(str(exact.denominator))
    if (
        abs(exact) < Fraction(10) ** lead
    ):  # lead is the power of ten of the first digit, or one more
        lead -= 1
    scale = Fraction(10) ** min(38, 16 - lead)
    return text(int(round(exact * scale) / scale * UNIT))


def rank(value):
    """What keys and extremes compare by: null < false < true < numbers < strings by UTF-8."""
    if value is None:
        return (0,)
    if isinstance(value, bool):
        return (2 if value else 1,)
    if isinstance(value, (int, Decimal)):
        return (3, number(value))
    if isinstance(value, str):
        try:
            return (4, value.encode())
        except UnicodeEncodeError:
            raise BadValue("a lone surrogate") from None
    raise BadValue("an array or an object")


def canonical(ranked):
    """The JSON text of what rank() gave."""
    if ranked[0] < 3:
        return ("null", "false", "true")[ranked[0]]
    if ranked[0] == 3:
        return text(ranked[1])
    return json.dumps(ranked[1].decode(), ensure_ascii=False)
