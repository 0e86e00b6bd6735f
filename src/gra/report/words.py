"""Numbers as a report says them."""

from __future__ import annotations


def number(value: float | None, digits: int = 2) -> str:
    """A number, or `-` where nothing can be said."""
    return "-" if value is None else f"{round(value, digits) + 0.0:.{digits}f}"  # no -0.00


def percent(value: float | None) -> str:
    """A share in per cent, or `-` where nothing can be said."""
    return "-" if value is None else f"{value:.0%}"


def much(value: float) -> str:
    """A large number in a short form."""
    for least, unit in ((1e9, " G"), (1e6, " M"), (1e4, " k")):
        if value >= least:
            return f"{value / (least if least > 1e4 else 1e3):.3g}{unit}"
    return f"{value:,.0f}"
