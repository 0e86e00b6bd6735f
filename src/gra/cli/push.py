"""`gra push`: an exported folder as a dataset on the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gra.cli.arguments import Json, run_folders
from gra.cli.console import print_json, say


def push(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN",
            help="Folder of the run, whose `export/dataset` is taken, or an exported folder.",
            autocompletion=run_folders,
        ),
    ],
    repo: Annotated[str, typer.Argument(metavar="REPO", help="NAME/DATASET on the hub.")],
    public: Annotated[bool, typer.Option("--public", help="Everybody may read it; without, only you.")] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Overwrite files of a dataset there that this run has not made.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the files that would be uploaded, and end.")] = False,
    as_json: Json = False,
) -> None:
    """Put a dataset on the Hugging Face hub.

    It is private unless --public says otherwise. The folder comes from `gra export RUN --format datasets`; if people
    have judged samples since, that is said. The token is that of HF_TOKEN or of `hf auth login`; HF_ENDPOINT names
    another hub. Rejected rows and those that were left out are not uploaded.
    """
    from gra.export.hub import prepared
    from gra.export.hub import push as pushed
    from gra.export.overtaken import overtaken
    from gra.export.whole_file import MANIFEST

    exported = run if (run / MANIFEST).exists() or not (run / "run.json").exists() else run / "export" / "dataset"
    upload = prepared(exported)
    if told := overtaken(upload.told, exported, run):
        say(told)
    files = {**upload.files, MANIFEST: len(upload.manifest)}
    if dry_run:
        if as_json:
            print_json({"repo": repo, "folder": exported, "public": public, "files": files})
            return
        for name, size in files.items():
            print(f"  {size:>12,} bytes  {name}")
        print(f"{len(files)} files, {sum(files.values()):,} bytes, to the dataset {repo}; nothing was uploaded")
        return
    done = pushed(upload, repo, public=public, replace=replace)
    if as_json:
        print_json({"repo": repo, "url": done.url, "created": done.created, "files": files, "removed": done.removed})
        return
    print(done.url)
    seen = "public" if public else "private"
    say(f"{len(files)} files in the {'new ' + seen + ' ' if done.created else ''}dataset {repo}")
    if done.removed:
        say(f"removed there, as this export has them no more: {', '.join(done.removed)}")
