"""The run folder: what a run leaves on disk, durable from the moment an `await` returns.

`run_dir` makes and opens the folder, `writer` is the one hand that writes its database, `ledger` answers calls
that were answered before, `reader` looks without touching, `verify` says which rows cannot be trusted.
"""
