"""Run as a child by `gra.catalogue.hub`: fetch files of one hub repository into a folder, or say why not.

Its one argument is a job in JSON; a failure is one line on stderr and status 1. Knows nothing of the catalogue.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

HEAD_TIMEOUT_S = 10.0


def main() -> int:
    """Do the job."""
    job = json.loads(sys.argv[1])
    try:
        for wanted in job["files"]:
            _require_offered(job, wanted)
        for wanted in job["files"]:
            _download(job, wanted)
    except Exception as error:  # noqa: BLE001 - the parent shows the line; it has another source to try
        first = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
        print(f"{type(error).__name__}: {first}", file=sys.stderr)
        return 1
    return 0


def _require_offered(job: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Ask before fetching: this call does not retry, and what is not the right file is not worth fetching."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    url = hf_hub_url(job["repo"], wanted["file"], revision=job["revision"])
    offered = get_hf_file_metadata(url, timeout=HEAD_TIMEOUT_S)
    if offered.size is not None and offered.size != wanted["bytes"]:
        raise ValueError(f"{url} has {offered.size:,} bytes, the catalogue's file has {wanted['bytes']:,}")
    # For large files the tag is the sha256 of the content; small ones have a shorter, Git's own.
    if offered.etag and re.fullmatch(r"[0-9a-f]{64}", offered.etag) and offered.etag != wanted["sha256"]:
        raise ValueError(
            f"{url} is not the file that the catalogue names: expected sha256 {wanted['sha256']}, found {offered.etag}"
        )


def _download(job: dict[str, Any], wanted: dict[str, Any]) -> None:
    from huggingface_hub import hf_hub_download

    folder = Path(job["folder"])
    got = hf_hub_download(job["repo"], wanted["file"], revision=job["revision"], local_dir=folder)
    if wanted["file"] != wanted["path"]:
        Path(got).replace(folder / wanted["path"])


if __name__ == "__main__":
    sys.exit(main())
