"""The result of a download, as parts."""

from collections.abc import Mapping
from typing import Any

from simcost.present.format import size
from simcost.present.parts import Part, notes
from simcost.studies.traces import jobs_view, view

_CHECKS = {"sha256": "checked by SHA-256", "git_blob_sha1": "checked by the SHA-1 of Git"}


def parts(document: Mapping[str, Any]) -> list[Part]:
    """The file, what was imported of it, and its licence."""
    state = "" if document["downloaded"] else ", was there"
    checked = _CHECKS.get(document["checked_by"], "not checked")
    said = [f"{document['file']}: {size(document['bytes'])}, {checked}{state}"]
    imported = document["imported"]
    if not imported and document["trace"]:
        said.append(f"{document['trace']}: was there")
    layout = jobs_view if "jobs" in (imported or {}) else view
    licence = f"licence: {document['licence']}; cite {document['citation']}"
    return [
        Part(title="Download", titled=False, said=said),
        notes(document),
        *(layout.parts(imported) if imported else []),
        Part(title="Licence", titled=False, said=[licence]),
    ]
