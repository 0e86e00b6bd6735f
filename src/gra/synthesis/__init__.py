"""The method: one sample from its casting to its verdict (start at `sample.py`). No HTTP, no SQL, no clock."""
