"""Quality of the models that plans serve, beside their cost."""

from simcost.present.chart_style import Document
from simcost.present.format import exact
from simcost.units import Formatted

NOT_KNOWN = "not known"


def shown(document: Document) -> bool:
    """True if quality is asked for, or plans serve different models: then it is a column of the comparison."""
    return document["quality"] is not None or len({plan["model"] for plan in document["plans"]} - {None}) > 1


def column(document: Document) -> str:
    """Name of the benchmark."""
    metrics = (plan["quality"]["metric"] for plan in document["plans"] if plan["quality"])
    return next((metric for metric in metrics if metric), "quality")


def meaning(document: Document) -> str:
    """Meaning of the column, with the least that is asked for."""
    asked = document["quality"]
    least = f", at least {exact(asked['at_least'])} asked for" if asked and asked["at_least"] is not None else ""
    return f"{column(document)}: score of the model as it is served{least}"


def cell(plan: Document) -> str:
    """The score of a plan, and whether it is too low."""
    quality = plan["quality"]
    if not quality or quality["value"] is None:
        return NOT_KNOWN
    low = ", too low" if quality["met"] is False else ""
    return Formatted(f"{exact(quality['value'])}{low}", quality["value"])


def sentences(document: Document) -> list[str]:
    """Model, score and sources of the plans, alike ones together; nothing where all are alike and none is asked for."""
    plans = [plan for plan in document["plans"] if plan["quality"]]
    if not shown(document) and len({plan["quality"]["value"] for plan in plans}) <= 1:
        return []
    names: dict[str, list[str]] = {}
    for plan in plans:
        names.setdefault(_score(plan), []).append(plan["name"])
    return [f"{'; '.join(alike)}: {score}." for score, alike in names.items()]


def _score(plan: Document) -> str:
    quality, value = plan["quality"], plan["quality"]["value"]
    score = NOT_KNOWN if value is None else f"{quality['metric']} {exact(value)}"
    return f"{plan['model']}, {score}: {quality['source']}"
