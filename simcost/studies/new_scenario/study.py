"""`simcost init`: a commented scenario that runs."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from simcost.catalog import load_catalog
from simcost.errors import FaultsError, InputError
from simcost.outputs import check_outputs, whole_file
from simcost.scenario.checks.load import load_text
from simcost.scenario.files.yaml import scalar
from simcost.scenario.inputs.trace_models import other_models
from simcost.scenario.schema.loaded_scenario import LoadedServices
from simcost.studies.new_scenario.sizing import ANY, GuessedPlan, MeanLoad, guess_plan
from simcost.trace.requests.describe import describe_trace


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioAnswers:
    """Answers from which a scenario is written."""

    name: str
    model: str
    accelerators: tuple[str, ...]
    provider: str
    """Of the offers; `any` = the cheapest of all."""
    rate_per_s: float = 10.0
    """Mean over the day; a trace has its own."""
    prompt_tokens: int = 1000
    output_tokens: int = 200
    trace: Path | None
    """A stored trace to replay; None = synthetic requests."""
    ttft: str
    tpot: str
    attainment: str
    catalog: Path | None = None
    """Folder of the user's own facts; None = those of simcost alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewScenario:
    """Result of `simcost init`."""

    verdict: str
    scenario: str
    file: str
    plans: tuple[str, ...]
    next: tuple[str, ...]
    """Commands to go on with."""
    notes: tuple[str, ...] = ()
    """Sentences on requests of the trace that name another model."""


def scenario_name(file: Path) -> str:
    """The name of a scenario in a file.

    >>> scenario_name(Path("My Scenario.yaml"))
    'my-scenario'
    """
    return re.sub(r"[^a-z0-9._-]+", "-", file.stem.lower()).strip("-._") or "scenario"


def check_absent(file: Path) -> None:
    """Raise InputError where a new scenario would take the place of a file."""
    if file.exists():
        raise InputError(f"{file}: exists; name another file")


def write_scenario(answers: ScenarioAnswers, file: Path, *, replace: bool = False) -> NewScenario:
    """Write the scenario file; one that exists only with `replace`.

    Raises:
        InputError: the file exists, a trace or facts outside of its folder, a model or accelerator that is not known,
            or answers that make no sound scenario; nothing is written then.
    """
    if not replace:
        check_absent(file)
    check_outputs([file], [answers.trace] if answers.trace else [])
    catalog = load_catalog(answers.catalog)
    load = _load(answers)
    plans = [guess_plan(catalog, answers.model, name, answers.provider, load) for name in answers.accelerators]
    text = scenario_text(answers, plans, file.parent)
    try:
        loaded = load_text(text, file)
    except FaultsError as error:
        raise InputError("; ".join(f"{fault.path}: {fault.message}" for fault in error.faults)) from None
    with whole_file(file) as draft:
        draft.write_text(text, encoding="utf-8")
    names = tuple(name for plan in plans for name in (f"{_title(plan)}, fixed", f"{_title(plan)}, scaled"))
    return NewScenario(
        verdict=f"{file}: {len(names)} plans for {answers.model}. Change what is not yours, then run it.",
        scenario=answers.name,
        file=str(file),
        plans=names,
        next=(
            f"simcost check {quote(str(file))}",
            f"simcost run {quote(str(file))}",
            f"simcost report results/{answers.name} -o review.html",
            f"simcost optimize {quote(str(file))}",
        ),
        notes=() if isinstance(loaded, LoadedServices) else tuple(other_models(loaded.scenario, loaded.folder)),
    )


def scenario_text(answers: ScenarioAnswers, plans: Sequence[GuessedPlan], folder: Path) -> str:
    """The YAML of the scenario in a folder."""
    return "\n".join([_head(answers, folder), _workload(answers, folder), _slo(answers), _plans(plans)])


def _load(answers: ScenarioAnswers) -> MeanLoad:
    if answers.trace is None:
        return MeanLoad(
            rate_per_s=answers.rate_per_s, prompt_tokens=answers.prompt_tokens, output_tokens=answers.output_tokens
        )
    seen = describe_trace(answers.trace)
    if not seen["rate_per_s"]:
        raise InputError(f"{answers.trace}: its requests span no time, so it has no rate")
    tokens = [float(seen[name]["mean"]) for name in ("prompt_tokens", "output_tokens")]
    return MeanLoad(rate_per_s=seen["rate_per_s"], prompt_tokens=tokens[0], output_tokens=tokens[1])


def _head(answers: ScenarioAnswers, folder: Path) -> str:
    own = "" if answers.catalog is None else f"catalog: {_inside(answers.catalog, folder)}     # your own facts\n"
    horizon = (
        "" if answers.trace else "horizon: 1d               # length of the run; costs are also given for a month\n"
    )
    provider = "aws" if answers.provider == ANY else answers.provider
    return f"""# Run it: simcost run FILE. `simcost schema plans.scaling` explains a key.
scenario: {_text(answers.name)}
question: Which GPU, and how many, for {answers.model}?
# choices: {{offers: "{provider}/*"}}     # `optimize` and `advise` propose no other offers
model: {answers.model}     # `simcost catalog list models` shows those that are known
{own}{horizon}seeds: 5                  # replications: each number gets its interval from them
"""


def _workload(answers: ScenarioAnswers, folder: Path) -> str:
    if answers.trace is None:
        return f"""workload:
  kind: synthetic
  rate: {answers.rate_per_s:.12g}/s               # mean over the day, which has a lunch and an evening hump
  burst_cv: 0.3           # how much the level moves from one 10 s to the next
  lengths: {{prompt_median: {answers.prompt_tokens}, output_median: {answers.output_tokens}}}  # means: 1.65, 1.38 times
"""
    return f"""workload:
  kind: trace
  path: {_inside(answers.trace, folder)}
"""


def _inside(path: Path, folder: Path) -> str:
    """A path from the folder of the scenario on. Raises InputError where it lies outside."""
    try:
        return _text(path.resolve().relative_to(folder.resolve()).as_posix())
    except ValueError:
        raise InputError(f"{path}: lies outside of {folder}, the folder of the scenario; copy it there") from None


def _slo(answers: ScenarioAnswers) -> str:
    lines = (
        ("slo:", "a request is good when it keeps both"),
        (f"  ttft: {_value(answers.ttft)}", "time to first token"),
        (f"  tpot: {_value(answers.tpot)}", "time per output token after it"),
        (f"  attainment: {_value(answers.attainment)}", "share of requests that must be good"),
    )
    return "".join(f"{line:<25} # {meaning}\n" for line, meaning in lines)


def _value(answer: str) -> str:
    """An answer as one value of YAML, whatever is typed."""
    return answer if re.fullmatch(r"([\w.%][\w./% -]*)?", answer) else json.dumps(answer)


def _text(answer: str) -> str:
    """An answer as one text of YAML, in quotes where it would be a number, true, false or null."""
    try:
        return _value(answer) if isinstance(scalar(answer), str) else json.dumps(answer)
    except ValueError:
        return json.dumps(answer)


def _price(plan: GuessedPlan) -> str:
    """Of a replica, and of the node that is paid where it holds several."""
    nodes = plan.replicas_per_node
    whole = f", on nodes of {nodes} at ${nodes * plan.usd_per_h:.2f}" if nodes > 1 else ""
    return f"${plan.usd_per_h:.2f} an hour and replica, on demand{whole}"


def _title(plan: GuessedPlan) -> str:
    return f"{plan.accelerator} {plan.precision}" + (f" tp{plan.tp}" if plan.tp > 1 else "")


def _plans(plans: Sequence[GuessedPlan]) -> str:
    head = """defaults:                 # what the plans share
  router: least-outstanding
  admission: {timeout: 3min}

plans:                    # first guesses: the mean load takes a third of what the replicas bear
"""
    return head + "".join(map(_both, plans))


def _both(plan: GuessedPlan) -> str:
    """The same hardware, fixed and scaled."""
    replica = f"{{accelerator: {plan.accelerator}, tp: {plan.tp}, precision: {plan.precision}}}"
    buy = f"{{offer: {plan.offer}, region: {plan.region}}}"
    least, most = max(1, plan.replicas // 2), 2 * plan.replicas
    return f"""  - name: {_title(plan)}, fixed
    replica: {replica}
    buy: {buy}   # {_price(plan)}
    scaling: {{kind: fixed, replicas: {plan.replicas}}}
  - name: {_title(plan)}, scaled
    replica: {replica}
    buy: {buy}
    scaling:
      kind: target-concurrency
      target: 30          # requests in a replica
      start: {plan.replicas}
      min: {least}
      max: {most}
      scale_down_delay: 15min
"""
