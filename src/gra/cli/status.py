"""`gra status`: a run as it stands, while it works or after."""

from __future__ import annotations

from gra.cli.arguments import Json, RunFolder
from gra.cli.console import print_json, results
from gra.report.opening import reading


def status(
    run: RunFolder,
    as_json: Json = False,
) -> None:
    """Show how far a run has come."""
    from gra.report.glance import glance_of
    from gra.report.survey import LOOKED_AT, report_on

    with reading(run) as reader:
        report, reviewers = report_on(reader), glance_of(reader, LOOKED_AT)
    if as_json:
        print_json({**report.plain(), "reviewers": reviewers.plain()})
        return
    from gra.cli.views.parts import print_parts
    from gra.cli.views.reviewers_view import glance
    from gra.cli.views.run_report import status as view

    print_parts(results(), (*view(report), *glance(reviewers)))
