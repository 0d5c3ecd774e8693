"""Parts of a result: requests, jobs, or both."""

from simcost.present.chart_style import Document


def serves(document: Document) -> bool:
    """True if its plans serve requests."""
    return bool(document["plans"][0]["replica_hours"])


def trains(document: Document) -> bool:
    """True if its plans run jobs."""
    return "jobs" in document["plans"][0]


def of_which(document: Document) -> str:
    """Replication whose requests are counted."""
    return f", first of {document['replications']} replications" if document["replications"] > 1 else ""


def counted(document: Document, what: str = "counts of requests") -> list[str]:
    """A note beside counts and means in a table: whose requests are counted; none where there is one replication."""
    runs = document["replications"]
    return [f"{what}: of the first of {runs} replications; all else: means over them"] if runs > 1 else []


def utilisation(document: Document) -> str:
    """Definition of utilisation in a result with jobs."""
    tokens = "that tokens took or " if serves(document) else ""
    return f"share of the paid GPU time {tokens}in which jobs ran"
