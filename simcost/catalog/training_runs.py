"""Training runs whose accelerator-hours were published, and how often a node stops one: facts of whole runs."""

from simcost.catalog.cell_types import Positive
from simcost.catalog.facts import Precision, Provenance
from simcost.record import record
from simcost.units import PositiveCount


@record
class TrainingRun(Provenance):
    """A published training run from start to end: what it computed, and the accelerator-hours it took."""

    name: str
    family: str
    """Runs of one team and stack, which are not independent of each other."""
    accelerator: str
    precision: Precision
    parameters: Positive
    layers: PositiveCount
    width: PositiveCount
    """Of the hidden state: heads x head_dim."""
    sequence_tokens: PositiveCount
    tokens: Positive
    gpu_hours: Positive
    """As published: what they count is in the notes."""
    gpus: PositiveCount | None = None
    """None = not published."""
    global_batch_tokens: Positive | None = None
    """Tokens of an optimizer step, the largest of the run."""

    @property
    def flops(self) -> float:
        """6 N + 12 L d s for each token."""
        return (6 * self.parameters + 12.0 * self.layers * self.width * self.sequence_tokens) * self.tokens


@record
class FailureRate(Provenance):
    """Rate at which a node of a cluster stops the job that runs on it."""

    name: str
    per_node_day: Positive
