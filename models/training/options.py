"""Numbers that the command line takes. Refusals are for argparse, which names the option."""

import argparse
import math


def at_least_one(text: str) -> int:
    number = read(int, text, "whole number")
    if not 1 <= number < 2**31:
        raise argparse.ArgumentTypeError(f"{number} is {'less than 1' if number < 1 else 'too large'}")
    return number


def above_zero(text: str) -> float:
    number = read(float, text, "number")
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{number:g} is no number above 0")
    return number


def read(kind: type, text: str, called: str):
    try:
        return kind(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is no {called}") from None
