"""Which sides a result has: requests, jobs, or both."""

from simcost.report.style import Document

_USED = {
    (True, False): "share of the paid time that the tokens took; a plan near 100 % is saturated",
    (False, True): "share of the paid GPU time in which jobs ran",
    (True, True): "share of the paid GPU time that tokens took or in which jobs ran",
}


def serves(document: Document) -> bool:
    """Whether its plans serve requests."""
    return bool(document["plans"][0]["replica_hours"])


def trains(document: Document) -> bool:
    """Whether its plans run jobs."""
    return "jobs" in document["plans"][0]


def utilisation(document: Document) -> str:
    """What utilisation means in this result."""
    return _USED[serves(document), trains(document)]
