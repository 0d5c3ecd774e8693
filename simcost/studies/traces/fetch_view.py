"""Result of a download: in the terminal."""

from collections.abc import Mapping
from typing import Any

from simcost.studies.traces import jobs_view, view

_CHECKS = {"sha256": "checked by SHA-256", "git_blob_sha1": "checked by the SHA-1 of Git"}


def text(document: Mapping[str, Any]) -> str:
    """Layout of the document of `trace fetch`."""
    state = "" if document["downloaded"] else ", was there"
    checked = _CHECKS.get(document["checked_by"], "not checked")
    lines = [f"{document['file']}: {document['bytes']:,} bytes, {checked}{state}"]
    lines += [f"note: {finding['message']}" for finding in document["findings"]]
    if document["imported"]:
        layout = jobs_view if "jobs" in document["imported"] else view
        lines.append(layout.text(document["imported"]))
    elif document["trace"]:
        lines.append(f"{document['trace']}: was there")
    return "\n".join([*lines, f"licence: {document['licence']}; cite {document['citation']}"])
