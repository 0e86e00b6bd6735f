"""A web page on a run: what happened, sample by sample, as the thread of a review; and what a person says of it.

Reads runs and never writes to their databases. It has an index of its own (`index`), which follows the run.
"""
