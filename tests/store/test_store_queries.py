"""Every query behind status, resume and export goes through an index: what a run costs to look at must not surprise.

tests/cli/test_cli_queries.py has the same for whatever statement a command makes.
"""

import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from store_builders import call, entry, new_run, reply, request, sample

from gra.records import Status
from gra.store.database import connect_reader
from gra.store.ledger import Ledger
from gra.store.reader import Reader
from gra.store.writer import Writer

WHOLE_TABLE = re.compile(r"SCAN (samples|calls|vectors|pool)$")
SORTED = "USE TEMP B-TREE"


@contextmanager
def watched(connection: sqlite3.Connection) -> Iterator[list[str]]:
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    try:
        yield statements
    finally:
        connection.set_trace_callback(None)


def plans(database: Path, statements: Iterable[str]) -> dict[str, list[str]]:
    """What SQLite does for each statement that looks something up."""
    connection = connect_reader(database)
    found = {}
    for statement in statements:
        if statement.lstrip().upper().startswith("SELECT"):
            found[statement] = [row[3] for row in connection.execute("EXPLAIN QUERY PLAN " + statement)]
    connection.close()
    return found


async def test_looking_at_a_run_and_going_on_with_it_scans_no_table(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    async with Writer(run) as writer:
        await writer.open_round(1, 2)
        await writer.commit_call(call(), "sha256:d", request(), reply())
        await writer.put_vectors("minilm", {"sha256:t": [1.0, 0.0]})
        for number, status in enumerate((Status.PASSED, Status.FAILED, Status.REJECTED_RESPONSE)):
            await writer.put_sample(sample(number, status))
        await writer.put_pool([entry("r01-00000", 1)])
        with Ledger(writer) as ledger, watched(ledger._connection) as asked:
            ledger.find(call(), "sha256:d")
            ledger.find_vectors("minilm", ["sha256:t"])
        with Reader(run) as reader, watched(reader._connection) as read:
            reader.funnel(), reader.totals(), reader.rounds(), reader.fact("x"), reader.used_up()
            list(reader.iter_samples()), list(reader.iter_samples(Status.ACCEPTED)), list(reader.iter_samples(round=1))
            list(reader.iter_samples(Status.PASSED, 1)), list(reader.iter_ended(1)), reader.ids("r01", 5)
            reader.tallies(), reader.reasons(Status.FAILED, 3), reader.outside()
            reader.sample("r01-00000"), reader.calls_of("r01-00000")
            reader.pool(), reader.entries()[0], reader.entry("r01-00000")
            reader.vectors(["t"]), reader.embedding_model()
    found = plans(run.database, [*asked, *read])
    assert len(found) >= 15
    assert not {s: plan for s, plan in found.items() if any(WHOLE_TABLE.match(step) for step in plan)}
    ordered = {s for s, plan in found.items() if any(SORTED in step for step in plan)}
    assert all("FROM calls WHERE sample" in statement for statement in ordered), "one sample's calls are few"
