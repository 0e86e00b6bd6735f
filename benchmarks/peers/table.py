"""The table of what was measured, as Markdown."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import Any

from served import SLOTS

TITLES = {
    "gra": ("gra", "gra-synth"),
    "asyncio": ("asyncio + aiohttp", "aiohttp"),
    "curator": ("Bespoke Curator", "bespokelabs-curator"),
    "sdg_hub": ("sdg-hub", "sdg-hub"),
    "data_designer": ("NeMo Data Designer", "data-designer"),
    "datadreamer": ("DataDreamer", "datadreamer.dev"),
    "distilabel": ("distilabel", "distilabel"),
}
"""What a tool is called, and the package that it is."""
HEAD = (
    "tool",
    "in flight",
    "busy, fixed 50 ms",
    "busy, lognormal 200 ms",
    "CPU per record",
    "CPU per request",
    "peak memory",
    "wall (ideal)",
    "repeated after SIGKILL",
    "rows lost to faults",
    "server's core",
)
FIXED_S = 0.05


def report(results: Path) -> str:
    """The whole of it: a row for each tool, then the machine."""
    kept = {path.stem: json.loads(path.read_text()) for path in sorted(results.glob("*.json"))}
    order = sorted(kept, key=lambda stem: (list(TITLES).index(stem.rpartition("-")[0]), stem))
    rows = [HEAD, ("---",) * len(HEAD), *(row(stem, kept[stem]) for stem in order)]
    dates = sorted({found["date"] for found in kept.values() if "date" in found})
    sizes = sorted({(name, found[name]["records"]) for found in kept.values() for name in found if _case(found, name)})
    said = [
        f"Measured {' to '.join(dates[:1] + dates[1:][-1:])} on {machine()}.",
        "Records: " + ", ".join(f"{name} {records:,}" for name, records in sizes) + ".",
        *(f"{TITLES[stem.rpartition('-')[0]][0]}: {kept[stem]['error']}" for stem in order if "error" in kept[stem]),
    ]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in rows) + "\n\n" + "\n".join(said)


def _case(found: dict[str, Any], name: str) -> bool:
    return name != "check" and isinstance(found[name], dict)


def row(stem: str, found: dict[str, Any]) -> tuple[str, ...]:
    name, _, concurrency = stem.rpartition("-")
    title = f"{TITLES[name][0]} {found.get('version', '')}"
    fixed, lognormal = found.get("fixed"), found.get("lognormal")
    return (
        title.strip(),
        concurrency,
        _percent(fixed, "busy"),
        _percent(lognormal, "busy"),
        f"{1000 * fixed['cpu_s'] / fixed['records']:.1f} ms" if fixed else "-",
        f"{1000 * fixed['cpu_s'] / fixed['requests']:.2f} ms" if fixed else "-",
        f"{fixed['peak_mb']:.0f} MB" if fixed else "-",
        f"{fixed['wall_s']:.1f} s ({fixed['requests'] * FIXED_S / SLOTS:.1f})" if fixed else "-",
        killed(found.get("kill")),
        faulty(found.get("faults")),
        _percent(fixed, "server_share"),
    )


def killed(case: dict[str, Any] | None) -> str:
    """Requests that were sent again, and what was lost if it did not come to a good end."""
    if not case:
        return "-"
    if case["complete"] < case["records"]:
        return f"{case['ended']}; {case['records'] - case['complete']:,} of {case['records']:,} rows lost"
    return f"{case['repeated']:,}" + (f" (all {case['killed_at']:,})" if case["repeated"] >= case["killed_at"] else "")


def faulty(case: dict[str, Any] | None) -> str:
    """Rows that are not there, or not complete."""
    if not case:
        return "-"
    lost, missing = case["records"] - case["complete"], case["records"] - case["rows"]
    how = f" ({missing:,} dropped, {lost - missing:,} with holes)" if lost else ""
    end = "" if case["ended"] == "done" else f"; {case['ended']}"
    return f"{lost:,} of {case['records']:,}{how}{end}"


def machine() -> str:
    """This one, in words."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown CPU")
    python = platform.python_version()
    return f"{model}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, Python {python}"


def _percent(case: dict[str, Any] | None, name: str) -> str:
    return f"{100 * case[name]:.0f} %" if case else "-"
