"""`simcost train estimate`: one run of training, and what it costs."""

from typing import Any

from simcost.cli.words import Arguments, own_catalog, positive, show, usd_per_h, verb


def add(actions: Any) -> None:
    """The action `estimate`."""
    run = verb(actions, "estimate", _estimate, "time, memory and money of a training run, with their ranges")
    run.add_argument("model", help="name of a model in the catalog")
    run.add_argument("--tokens", type=float, required=True, metavar="N", help="trained on, e.g. 2e9")
    run.add_argument("--method", default="full", metavar="M",
                     help="pretrain, full (default), lora, qlora, distill, pruned or transfer")  # fmt: skip
    run.add_argument(
        "--on", required=True, metavar="ACCELERATOR", help="name of an accelerator in the catalog"
    )
    run.add_argument("--gpus", type=positive, required=True, metavar="N", help="accelerators")
    run.add_argument("--precision", default="bf16", help="bf16 (default) or fp8")
    for option, what in (
        ("--tp", "tensor parallelism (default 1)"),
        ("--pp", "pipeline stages (default 1)"),
        ("--sequence", "tokens of a sequence (default 4096)"),
        ("--micro-batch", "sequences per pass and rank (default 1)"),
        ("--rank", "of lora and qlora"),
    ):
        run.add_argument(option, type=positive, metavar="N", help=what)
    run.add_argument("--zero", type=int, choices=range(4), help="ZeRO stage (default 3, as FSDP)")
    run.add_argument(
        "--recompute", choices=("none", "selective", "full"), help="of activations (default full)"
    )
    run.add_argument("--teacher", metavar="MODEL", help="of distill")
    for option, what in (
        ("--kept-share", "of pruned: share of the weights kept"),
        ("--trained-share", "of transfer: share of the weights trained"),
        ("--mfu", "measured model FLOPs utilisation; else published"),
        ("--tokens-per-s", "measured tokens per second and accelerator, instead"),
        ("--interruptions", "of spot, per node and day; without it spot is not priced"),
    ):
        run.add_argument(option, type=float, metavar="X", help=what)
    run.add_argument(
        "--offer", metavar="P/SKU", help="whose price is taken (default: the cheapest of the accelerator)"
    )
    for option, what in (
        ("--price", "per accelerator and hour on demand"),
        ("--spot", "the same on spot"),
        ("--owned", "the same of your own hardware"),
    ):
        run.add_argument(option, type=usd_per_h, metavar="USD", help=what)
    run.add_argument("--compare", action="store_true", help="full, LoRA and QLoRA side by side")
    run.add_argument("--student", metavar="MODEL", help="with --compare: and distilling into this model")
    own_catalog(run)


def _estimate(arguments: Arguments) -> None:
    from simcost.catalog import load_catalog
    from simcost.compare.training import Owned, Prices, Run, Spot, compare_methods, estimate, training_method
    from simcost.perf.training.layout import Layout

    catalog = load_catalog(arguments.catalog)
    layout = {
        "tp": arguments.tp,
        "pp": arguments.pp,
        "sequence_tokens": arguments.sequence,
        "micro_batch": arguments.micro_batch,
        "zero": arguments.zero,
        "recompute": arguments.recompute,
    }
    run = Run(
        model=catalog.model(arguments.model),
        accelerator=catalog.accelerator(arguments.on),
        tokens=arguments.tokens,
        method=training_method(
            catalog,
            arguments.method,
            rank=arguments.rank,
            teacher=arguments.teacher,
            kept_share=arguments.kept_share,
            trained_share=arguments.trained_share,
        ),
        layout=Layout(gpus=arguments.gpus, **{name: one for name, one in layout.items() if one is not None}),
        precision=arguments.precision,
        mfu=arguments.mfu,
        tokens_per_s_per_gpu=arguments.tokens_per_s,
        prices=Prices(
            offer=arguments.offer,
            on_demand_usd_per_gpu_h=arguments.price,
            spot=Spot(usd_per_gpu_h=arguments.spot, interruptions_per_node_day=arguments.interruptions),
            owned=Owned(usd_per_gpu_h=arguments.owned),
        ),
    )
    if arguments.compare or arguments.student:
        student = catalog.model(arguments.student) if arguments.student else None
        show(arguments, compare_methods(catalog, run, student=student), "train_estimate")
    else:
        show(arguments, estimate(catalog, run), "train_estimate")
