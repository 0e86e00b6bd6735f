"""`gra verify`: is everything in a run's folder as it was written, and does it add up?"""

from __future__ import annotations

from gra.cli.arguments import Json, RunFolder
from gra.cli.console import print_json

SHOWN = 50
"""Findings that are printed; `--json` gives all."""


def verify(
    run: RunFolder,
    as_json: Json = False,
) -> None:
    """Check that a run is as it was written."""
    from dataclasses import asdict

    from gra.display.safe import one_line
    from gra.errors import StoreError
    from gra.store.run_dir import open_run
    from gra.store.verify import verify as findings_in

    findings = findings_in(open_run(run))
    if as_json:
        print_json([asdict(finding) for finding in findings])
    for finding in [] if as_json else findings[:SHOWN]:
        print(one_line(f"{finding.table} {finding.row}: {finding.problem}"))
    if findings:
        raise StoreError(f"{run} has {len(findings)} rows that cannot be trusted. Restore it from a copy")
    if not as_json:
        print(f"{run} is as it was written.")
