"""Examples of each verb, shown by its `--help`."""

import argparse
from collections.abc import Iterator

EXAMPLES = {
    "init": ("init", "init mine.yaml --model llama-3.1-8b --on l40s,h100 --rate 5"),
    "run": ("run scenarios/quickstart.yaml", "run mine.yaml --out results/mine --seeds 10 --fail-on slo"),
    "sweep": ("sweep scenarios/sweep.yaml", "sweep mine.yaml -o results/sweep --jobs 8 --dry-run"),
    "results": (
        "results results/sweep --sort cost_usd_per_month",
        "results results/sweep --where 'cost_usd_per_month < 2000 and attainment >= 0.99' --top 10 -o best.csv",
    ),
    "check": ("check scenarios/quickstart.yaml", "check mine.yaml --json"),
    "schema": ("schema plans.scaling", "schema hpa"),
    "optimize": ("optimize scenarios/quickstart.yaml", "optimize mine.yaml --out results/best --fail-on infeasible"),
    "advise": ("advise results/quickstart", "advise scenarios/quickstart.yaml --plan 'L40S bf16, fixed' --json"),
    "sensitivity": (
        "sensitivity scenarios/quickstart.yaml --vary demand=0.8..1.25",
        "sensitivity mine.yaml --vary engine=0.8..1.25 --vary price.aws/p5.4xlarge=4..9",
    ),
    "trace import": (
        "trace import azure.csv --format azure-llm -o azure.parquet",
        "trace import log.csv --format csv --map arrival=time,prompt_tokens=in,output_tokens=out -o log.parquet",
    ),
    "trace fetch": ("trace fetch --list", "trace fetch azure-conv-2023 -o traces"),
    "trace describe": ("trace describe log.parquet", "trace describe log.parquet --html log.html"),
    "trace compare": ("trace compare log.parquet drawn.parquet", "trace compare log.parquet drawn.parquet --json"),
    "trace check": (
        "trace check results/mine log.parquet",
        "trace check results/mine log.parquet --plan 'one L40S'",
    ),
    "trace synthesize": (
        "trace synthesize workload.yaml --horizon 7d -o week.parquet",
        "trace synthesize log.parquet --along paths.parquet --path 3 -o future.parquet",
    ),
    "forecast": (
        "forecast hourly.csv --horizon 14d",
        "forecast log.parquet --horizon 48h --levels 80,95 --html fan.html",
    ),
    "forecast score": ("forecast score issued.parquet hourly.csv", "forecast score issued.parquet hourly.csv --json"),
    "forecast value": (
        "forecast value hourly.csv --per-replica 2 --price 1.86",
        "forecast value hourly.csv --per-replica 2 --price 1.86 --lead 10min --json",
    ),
    "train replay": (
        "train replay jobs.csv --gpus 256 --policy easy-backfill",
        "train replay jobs.csv --nodes nodes.csv --policy fifo-skip --placement consolidate",
    ),
    "train size": (
        "train size jobs.csv --wait 1h --percentile 95",
        "train size jobs.csv --wait 30min --price 2.10 --html size.html",
    ),
    "train share": (
        "train share jobs.csv --serving results/quickstart --gpus 64",
        "train share jobs.csv --serving results/mine --gpus 64 --checkpoint 30min --price 2.10",
    ),
    "train pack": (
        "train pack jobs.csv --nodes nodes.csv",
        "train pack jobs.csv --nodes nodes.csv --placement consolidate",
    ),
    "train estimate": (
        "train estimate llama-3.1-8b --tokens 1e9 --on h100",
        "train estimate llama-3.1-8b --tokens 1e9 --on h100 --gpus 8,16,32 --method lora",
    ),
    "train spot": (
        "train spot availability.csv --work 40h --deadline 60h --changeover 6min",
        "train spot availability.csv --work 40h --deadline 60h --changeover 6min --gang 4 --html spot.html",
    ),
    "autoscale replay": (
        "autoscale replay hpa.yaml tuesday.csv",
        "autoscale replay hpa.yaml tuesday.csv --closed-loop --html replay.html",
    ),
    "calibrate": (
        "calibrate benchmark.json --model llama-3.1-8b --on l40s -o coefficients.yaml",
        "calibrate served.parquet --model llama-3.1-8b --on h100 --tp 2 -o coefficients.yaml",
    ),
    "waste": ("waste dcgm.csv --price 2.10", "waste results/quickstart --plan 'L40S bf16, fixed'"),
    "bill": (
        "bill usage.csv --plan purchasing.yaml",
        "bill results/quickstart --plan purchasing.yaml --focus bill.csv",
    ),
    "commit": (
        "commit usage.csv --options options.yaml",
        "commit usage.csv --options options.yaml --risk 0.5 -o purchasing.yaml",
    ),
    "api": (
        "api scenarios/self-host.yaml --api cerebras/llama-3.1-8b",
        "api scenarios/self-host.yaml --api cerebras/llama-3.1-8b --scale 0.1,1,10 --html api.html",
    ),
    "focus read": ("focus read may.csv", "focus read may.csv june.csv -o costs.parquet"),
    "focus check": ("focus check bill.csv", "focus check bill.csv --json"),
    "focus compare": (
        "focus compare may.csv results/quickstart",
        "focus compare may.csv results/quickstart --plan 'L40S fp8, fixed' --per-month",
    ),
    "diff": ("diff results/may results/june", "diff may.csv june.csv --html bridge.html"),
    "report": (
        "report results/quickstart -o review.html",
        "report results/quickstart -o review.pdf --author 'Platform team' --paper letter",
    ),
    "catalog list": ("catalog list accelerators", "catalog list offers --where accelerator=h100 --where region=us-*"),
    "catalog show": ("catalog show h100", "catalog show llama-3.1-8b --json"),
    "catalog import": ("catalog import my-model/config.json", "catalog import my-model --name my-model -o facts"),
    "perf": ("perf llama-3.1-8b --on l40s --precision fp8", "perf llama-3.1-70b --on h100 --tp 4 --json"),
    "prices import": (
        "prices import list.json --format aws -o facts",
        "prices import list.json --format aws --only p5.48xlarge g6e.xlarge -o facts",
    ),
    "prices diff": ("prices diff facts-may", "prices diff facts-may facts-june"),
    "verify": ("verify results/quickstart", "verify results/quickstart --json"),
    "clean": ("clean results --stale --dry-run", "clean results/mine --stale --older-than 30d"),
    "doctor": ("doctor", "doctor results"),
    "completion": ("completion", "completion bash"),
    "app": ("app", "app --port 8600 --no-browser"),
    "open": ("open results/quickstart", "open results/quickstart --explorer"),
}
"""Two commands of each verb, without the name of the program."""


def verbs_of(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The parsers without verbs of their own; one verb may have words of another."""
    inner = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]  # noqa: SLF001
    if not inner:
        yield parser
    for action in inner:
        for choice in action.choices.values():
            yield from verbs_of(choice)


def add_examples(parser: argparse.ArgumentParser) -> None:
    """Show the examples below the help of each verb."""
    for verb in verbs_of(parser):
        examples = EXAMPLES.get(verb.prog.removeprefix("simcost "), ())
        verb.epilog = "\n".join(["examples:", *(f"  simcost {words}" for words in examples)]) if examples else None
        verb.formatter_class = argparse.RawDescriptionHelpFormatter
