"""`simcost init`: a first scenario, asked for on a terminal or from options."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from simcost.errors import InputError, SimcostError
from simcost.progress import tell
from simcost.studies.options import Arguments, output, own_catalog, show, verb
from simcost.units import parse_seconds

_QUESTIONS = {
    "model": ("Model that you serve", "llama-3.1-8b"),
    "on": ("Accelerators to compare, with commas", "l40s,h100"),
    "provider": ("Provider of the offers, or any", "aws"),
    "rate": ("Requests per second, mean of a day", "8"),
    "prompt_tokens": ("Tokens of a prompt, median", "600"),
    "output_tokens": ("Tokens of an answer, median", "180"),
    "ttft": ("Time to first token, at most", "1s"),
    "tpot": ("Time per output token, at most", "60ms"),
    "attainment": ("Share of requests that must keep both", "99%"),
}
"""By option: what a terminal is asked, and the answer otherwise."""
_OF_SYNTHETIC = ("rate", "prompt_tokens", "output_tokens")
"""Options that a trace answers itself."""


def add(verbs: Any) -> None:
    """The verb `init`."""
    init = verb(verbs, "init", _init, "write a first scenario: asks on a terminal, or takes the options")
    output(init, "out", nargs="?", default=Path("scenario.yaml"), metavar="FILE", help="default: scenario.yaml")
    init.add_argument("--name", help="of the scenario (default: that of the file)")
    init.add_argument("--model", help="name of a model in the catalog (default: what most requests of --trace name)")
    init.add_argument("--on", metavar="A,B", help="accelerators to compare")
    init.add_argument("--provider", metavar="P", help="of the offers, e.g. aws; any = the cheapest of all")
    own_catalog(init)
    init.add_argument("--trace", type=Path, metavar="PARQUET", help="replay a trace of `simcost trace import`")
    init.add_argument("--rate", metavar="PER_S", help="requests per second, mean of a day; without --trace")
    init.add_argument("--prompt-tokens", metavar="TOKENS", help="tokens of a prompt, median")
    init.add_argument("--output-tokens", metavar="TOKENS", help="tokens of an answer, median")
    init.add_argument("--ttft", metavar="TIME", help="time to first token, e.g. 1s")
    init.add_argument("--tpot", metavar="TIME", help="time per output token, e.g. 60ms")
    init.add_argument("--attainment", metavar="P", help="share of good requests, e.g. 99%%")


def _init(arguments: Arguments) -> None:
    from simcost.studies.new_scenario.study import ScenarioAnswers, check_absent, scenario_name, write_scenario

    given = [name for name in _OF_SYNTHETIC if getattr(arguments, name) is not None]
    if arguments.trace is not None and given:
        option = f"--{given[0].replace('_', '-')}"
        raise InputError(f"{option} is of synthetic requests, and --trace has its own: leave one of the two out")
    asks = sys.stdin.isatty() and not (arguments.json or arguments.quiet)
    usual = {name: answer for name, (_, answer) in _QUESTIONS.items()} | _of_trace(arguments)
    file: Path = arguments.out
    check_absent(file)  # before anything is asked
    answered = {name: _answer(arguments, name, usual[name], asks) for name in _QUESTIONS}
    result = write_scenario(
        ScenarioAnswers(
            name=arguments.name or scenario_name(file),
            model=answered["model"],
            accelerators=_accelerators(answered["on"]),
            provider=answered["provider"],
            rate_per_s=_number("--rate", answered["rate"]),
            prompt_tokens=round(_number("--prompt-tokens", answered["prompt_tokens"])),
            output_tokens=round(_number("--output-tokens", answered["output_tokens"])),
            trace=arguments.trace,
            ttft=answered["ttft"],
            tpot=answered["tpot"],
            attainment=answered["attainment"],
            catalog=arguments.catalog,
        ),
        file,
    )
    show(arguments, result, "new_scenario.view")


def _of_trace(arguments: Arguments) -> dict[str, str]:
    """Answers that a trace gives: the model that most of its requests name, where the catalog has it."""
    if arguments.trace is None or arguments.model is not None:
        return {}
    from simcost.catalog import load_catalog
    from simcost.scenario.inputs.trace_models import logged_model

    model = logged_model(arguments.trace, load_catalog(arguments.catalog))
    return {} if model is None else {"model": model}


def _answer(arguments: Arguments, name: str, usual: str, asks: bool) -> str:
    """The option, else what the terminal answers, asked again until it may be right, else what is usual."""
    given, question = getattr(arguments, name), _QUESTIONS[name][0]
    if given is not None:
        return str(given)
    if not asks or (arguments.trace is not None and name in _OF_SYNTHETIC):
        return usual
    while True:
        tell(f"{question} [{usual}]: ", end="")
        answer = sys.stdin.readline().strip()
        try:
            _check(arguments, name, answer or usual)
        except SimcostError as error:
            if not answer:
                raise
            tell(str(error))
        else:
            return answer or usual


def _check(arguments: Arguments, name: str, answer: str) -> None:
    """Raise SimcostError for an answer that is wrong whatever the others are."""
    from simcost.catalog import load_catalog

    option = f"--{name.replace('_', '-')}"
    if name in _OF_SYNTHETIC:
        _number(option, answer)
    elif name == "model":
        load_catalog(arguments.catalog).model(answer)
    elif name == "on":
        for accelerator in _accelerators(answer):
            load_catalog(arguments.catalog).accelerator(accelerator)
    elif name in ("ttft", "tpot"):
        try:
            parse_seconds(answer)
        except ValueError as error:
            raise InputError(f"{option} {error}") from error


def _accelerators(answer: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in answer.split(",") if word.strip())


def _number(option: str, text: str) -> float:
    """A number above 0; a rate may end in /s."""
    try:
        value = float(text.removesuffix("/s"))
    except ValueError:
        value = 0.0
    if not 0 < value < 1e9:
        example = "; write e.g. 20 or 20/s" if option == "--rate" else ""
        raise InputError(f"{option} {text!r} is not a number above 0{example}")
    return value
