"""Actions for recorded hardware, as parts."""

from simcost.present.format import between, share, shortened, usd
from simcost.present.parts import Part, Table, notes
from simcost.studies.waste.recorded_advice import RecordedAction, RecordedAdvice

METHOD = (
    "Each action is replayed over the samples by its rule. Actions overlap, so that their savings do not add up. "
    "Confidence: medium with samples of 14 days or more, else low."
)


def parts(advice: RecordedAdvice) -> list[Part]:
    """Parts below the verdict, on every screen."""
    return [
        Part(title="Actions", titled=False, rows=actions(advice)),
        Part(title="Rules", said=[f"{action.action}: {action.rule}" for action in advice.actions]),
        notes(advice, METHOD),
    ]


def actions(advice: RecordedAdvice) -> Table:
    """An action in each row, the largest saving first."""
    return [
        {
            "action": shortened(action.action, 32),
            "saves $ a month": _saving(action),
            "utilisation": share(action.before.utilisation),
            "after": share(action.after.utilisation),
            "SLO risk": "not measured",
            "effort": action.effort,
            "confidence": action.confidence,
        }
        for action in advice.actions
    ]


def _saving(recorded_action: RecordedAction) -> str:
    saving = recorded_action.saving_usd_per_month
    return between(*map(usd, (saving.lo, saving.mean, saving.hi)))
