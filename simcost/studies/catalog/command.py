"""`simcost catalog` and `perf`: facts about models and hardware."""

from argparse import ArgumentTypeError
from typing import Any

from simcost.errors import InputError
from simcost.studies.argument_types import condition, natural, positive
from simcost.studies.catalog import model_command
from simcost.studies.options import Arguments, own_catalog, print_json, show, verb


def add(verbs: Any) -> None:
    """The verbs `catalog` and `perf`."""
    _add_catalog(verbs)
    _add_perf(verbs)


def _add_catalog(verbs: Any) -> None:
    catalog = verbs.add_parser("catalog", help="list and show models, accelerators, prices; import a model")
    actions = catalog.add_subparsers(title="actions", required=True, metavar="ACTION")
    listing = verb(actions, "list", _catalog_list, "the facts of one kind")
    listing.add_argument("kind", nargs="?", help="kind of fact; none lists the kinds")
    listing.add_argument(
        "--where",
        action="append",
        type=condition,
        default=[],
        metavar="COL=VALUE",
        help="take only facts with this value, e.g. accelerator=h100 or sku=p5*; repeatable: other columns must hold, "
        "too, values of one column are alternatives",
    )
    show = verb(actions, "show", _catalog_show, "facts about one name, with their sources")
    show.add_argument("name", help="accelerator, model, provider, provider/sku, provider/item or provider/model")
    for action in (listing, show):
        own_catalog(action)
    model_command.add(actions)


def _catalog_list(arguments: Arguments) -> None:
    from simcost.catalog.documents import KINDS, catalog_list

    if arguments.kind is None and arguments.where:
        raise InputError("--where is of one kind of fact; name it, such as `simcost catalog list offers --where ...`")
    if arguments.kind is None and arguments.json:
        print_json({"kinds": list(KINDS)})
    elif arguments.kind is None:
        print("\n".join(KINDS))
    else:
        show(arguments, catalog_list(_catalog(arguments), arguments.kind, arguments.where), "catalog.view")


def _catalog_show(arguments: Arguments) -> None:
    from simcost.catalog.documents import catalog_show

    show(arguments, catalog_show(_catalog(arguments), arguments.name), "catalog.view")


def _add_perf(verbs: Any) -> None:
    perf = verb(verbs, "perf", _perf, "speed and memory of one replica")
    perf.add_argument("model", help="name of a model in the catalog")
    perf.add_argument("--on", required=True, metavar="ACCELERATOR", help="name of an accelerator in the catalog")
    perf.add_argument(
        "--slice",
        metavar="PROFILE",
        help="part of it: a MIG instance, 1g.10gb, or a time slice, 1/4 (default: whole ones)",
    )
    perf.add_argument("--tp", type=positive, default=1, help="tensor parallelism (default 1)")
    perf.add_argument("--pp", type=positive, default=1, help="pipeline stages (default 1)")
    perf.add_argument("--dp", type=positive, default=1, help="data-parallel ranks of the attention (default 1)")
    perf.add_argument("--ep", type=positive, default=1, help="expert parallelism, over tp x dp (default 1)")
    perf.add_argument("--engine", help="vllm, sglang or trtllm (default: the mean of those measured)")
    perf.add_argument("--precision", default="bf16", help="bf16, fp8, int8, int4 or fp4 (default bf16)")
    perf.add_argument("--kv-precision", default="bf16", help="of the KV cache (default bf16)")
    perf.add_argument(
        "--pruning",
        type=_pruning,
        metavar="KIND[,SIZE=N...]",
        help="parts taken out of the model: 2:4; width,hidden=3072,ffn=9216; depth,layers=16 (default: none)",
    )
    perf.add_argument(
        "--lora",
        type=_settings,
        metavar="NAME=VALUE,...",
        help="slots of adapters: rank=16,slots=4; of a mixture of experts also modules=attention (default: none)",
    )
    perf.add_argument(
        "--speculation",
        type=_settings,
        metavar="NAME=VALUE,...",
        help="speculative decoding: drafter=eagle3,tokens=3,task=mt-bench; in place of a published task acceptance=0.7 "
        "or length=2.4 (default: none)",
    )
    perf.add_argument("--memory-utilisation", type=float, default=0.92, help="share of memory used (default 0.92)")
    perf.add_argument("--max-num-seqs", type=positive, default=256, help="running sequences at most (default 256)")
    perf.add_argument(
        "--max-num-batched-tokens", type=positive, default=8192, help="token budget of a step (default 8192)"
    )
    perf.add_argument("--context", type=positive, default=2048, help="tokens per sequence in the table (default 2048)")
    perf.add_argument(
        "--step",
        type=_step,
        action="append",
        default=[],
        dest="steps",
        metavar="P,B,K,Q",
        help="a step to time: prefill tokens, decoding sequences, their KV tokens, attention pairs; may be repeated",
    )
    perf.add_argument(
        "--measured",
        type=_measured,
        action="append",
        default=[],
        metavar="PROMPT,OUTPUT,CLIENTS,MS",
        help="a time per output token you measured in a closed loop, to compare with the prediction; may be repeated",
    )
    own_catalog(perf)


def _pruning(text: str) -> dict[str, str | int]:
    """Kind and sizes."""
    kind, _, sizes = text.partition(",")
    return {"kind": kind, **(_sizes(sizes) if sizes else {})}


def _sizes(text: str) -> dict[str, int]:
    """Whole numbers by name."""
    result = {}
    for word in text.split(","):
        name, given, number = word.partition("=")
        if not given:
            raise ArgumentTypeError(f"{word!r} is not a size; write NAME=N, such as layers=16")
        result[name] = positive(number)
    return result


def _settings(text: str) -> dict[str, str | float]:
    """Words and numbers by name."""
    result: dict[str, str | float] = {}
    for word in text.split(","):
        name, given, value = word.partition("=")
        if not given:
            raise ArgumentTypeError(f"{word!r} is not a setting; write NAME=VALUE, such as tokens=3")
        try:
            result[name] = int(value) if value.isdigit() else float(value)
        except ValueError:
            result[name] = value
    return result


def _measured(text: str) -> tuple[int, int, int, float]:
    """Prompt and output tokens, clients, seconds per output token."""
    words = text.split(",")
    if len(words) != 4:
        raise ArgumentTypeError(
            f"{text!r} is not a measurement; write PROMPT,OUTPUT,CLIENTS,MS, such as 1024,256,32,17.5"
        )
    prompt, output, clients = map(positive, words[:3])
    try:
        milliseconds = float(words[3])
    except ValueError:
        milliseconds = 0.0
    if not 0 < milliseconds < 1e9:
        raise ArgumentTypeError(f"{words[3]!r} is not a time per output token in milliseconds, such as 17.5")
    return prompt, output, clients, milliseconds / 1e3


def _step(text: str) -> tuple[int, int, int, int]:
    """Prefill tokens, sequences, KV tokens, pairs."""
    numbers = text.split(",")
    if len(numbers) != 4:
        raise ArgumentTypeError(f"{text!r} is not a step; write P,B,K,Q, such as 512,32,65536,131072")
    p, b, k, q = map(natural, numbers)
    if p + b == 0:
        raise ArgumentTypeError(f"{text!r} is a step without tokens; P or B must be 1 or more")
    return p, b, k, q


def _perf(arguments: Arguments) -> None:
    from simcost.perf.document import perf_document
    from simcost.perf.steady_state import MeasuredTpot
    from simcost.scenario.files.parts import replica_spec

    if arguments.on.strip().lower() == "cpu":
        raise InputError(
            "no step time is known on CPUs; write a `latency_table` or a measured `step` into the replica of a scenario"
        )
    spec = replica_spec(
        accelerator=arguments.on,
        slice=arguments.slice,
        tp=arguments.tp,
        pp=arguments.pp,
        dp=arguments.dp,
        ep=arguments.ep,
        engine=arguments.engine,
        precision=arguments.precision,
        kv_precision=arguments.kv_precision,
        pruning=arguments.pruning,
        lora=arguments.lora,
        speculation=arguments.speculation,
        memory_utilisation=arguments.memory_utilisation,
    )
    document = perf_document(
        _catalog(arguments),
        arguments.model,
        spec,
        max_num_seqs=arguments.max_num_seqs,
        max_num_batched_tokens=arguments.max_num_batched_tokens,
        context_tokens=arguments.context,
        steps=arguments.steps,
        measured=[MeasuredTpot(*row) for row in arguments.measured],
    )
    show(arguments, document, "catalog.perf_view")


def _catalog(arguments: Arguments) -> Any:
    from simcost.catalog import load_catalog

    return load_catalog(arguments.catalog)
