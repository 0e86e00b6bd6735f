"""Reasons for leaving a row out before it leaves: each a function from a row to a reason or None.

The modules look at texts and know no run; `chosen` makes the filters that a configuration asks for.
"""
