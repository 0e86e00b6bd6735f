"""Carrying a run out: models opened, calls made durable, rounds run to their target. Start at `run.py`."""
