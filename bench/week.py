"""A week of 44 million requests over 150 replicas, beside simpy's process-per-request M/M/8 in the same run.

    python bench/week.py [--router least-outstanding] [--replicas 150] [--prefill 0] [--requests 44000000] [--json]

With `--prefill 30`, so many of the replicas prefill for the others, over a link of 25 GB/s.

The trace is synthetic: token pairs resampled from the Azure conversation trace of 2023 where the reference data
are there, drawn from log-normals otherwise; a daily and weekly shape. Writing it is not part of the measured work;
reading it from Parquet, and loading (not compiling) the kernel, is.
"""

import argparse
import json
import tempfile
from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import measure

WEEK_S = 7 * 86400.0
ROUTERS = ("least-outstanding", "round-robin", "power-of-two")
SIMPY_REQUESTS = 300_000


def main() -> None:
    options = parse()
    if options.part:
        print(json.dumps(PARTS[options.part](options)))
        return
    made, run, base = in_parts(__file__, options, "requests", "replicas", "router", "prefill", then=("simpy",))
    document = {
        "name": "week",
        "work": f"{run['requests']:,} requests, {options.replicas} replicas, {options.router}{apart(options)}",
        **{key: run[key] for key in ("cpu_s", "wall_s", "rss_bytes", "completed", "steps")},
        **speed(run),
        "simpy_mm8_per_cpu_s": base["requests"] / base["work_cpu_s"],
        "ratio_to_simpy_mm8": run["requests"] / run["cpu_s"] / (base["requests"] / base["work_cpu_s"]),
        "synthesis_cpu_s": made["cpu_s"],
    }
    measure.show(document, options)


def apart(options: argparse.Namespace) -> str:
    return f", {options.prefill} of them for prefill" if options.prefill else ""


def in_parts(
    script: str, options: argparse.Namespace, *settings: str, then: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Write the trace, simulate it once it is compiled, and do what follows; each in a process of its own, with these
    settings of the options.
    """
    with tempfile.TemporaryDirectory() as folder:
        common = ["--trace", str(Path(folder, "week.parquet"))]
        for name in settings:
            common += [f"--{name}", str(getattr(options, name))]

        def part(name: str, *more: str) -> dict[str, Any]:
            return measure.in_process(script, "--part", name, *common, *more)

        made = part("synthesize")
        part("simulate", "--warm-up")  # compiles and caches the kernel
        return [made, part("simulate"), *map(part, then)]


def speed(run: dict[str, Any]) -> dict[str, float]:
    """Requests per CPU second, and its inverse."""
    return {
        "per_cpu_s": run["requests"] / run["cpu_s"],
        "us_per_request": run["cpu_s"] / run["requests"] * 1e6,
    }


def step_time() -> Any:
    """Step time of a replica of Llama-3.1-8B on an H100."""
    from simcost.perf import StepTime

    return StepTime(
        a_s=6e-3,
        b_s_per_token=16.1e-6,
        c_s_per_sequence=13.4e-6,
        d_s_per_token=42.4e-9,
        q_s_per_pair=0.894e-9,
        provenance="given",
        source="Llama-3.1-8B, H100",
        sigma=0.0,
    )


def synthesize(options: argparse.Namespace) -> dict[str, Any]:
    from simcost.trace.requests.readers import import_trace
    from simcost.trace.synthesis.stored_requests import synthesize as write
    from simcost.trace.workload.lengths import Lengths
    from simcost.trace.workload.spec import Synthetic

    out = Path(options.trace)
    log = measure.SHARED / "data/traces/AzureLLMInferenceTrace_conv.csv"
    lengths = Lengths()
    if log.exists():
        import_trace(log, "azure-llm", out.with_name("azure.parquet"))
        lengths = Lengths(trace="azure.parquet")
    weekly = (1.0, 1.05, 1.05, 1.05, 1.0, 0.7, 0.65)
    spec = Synthetic(rate=options.requests / WEEK_S, weekly=weekly, lengths=lengths)
    return dict(write(spec, out, folder=out.parent, seed=1, horizon_s=WEEK_S))


def simulate(options: argparse.Namespace) -> dict[str, Any]:
    from dataclasses import replace

    from simcost.ledger.requests import LatencyLimits
    from simcost.plan import Fixed, LeastOutstanding, PowerOfTwo, RoundRobin
    from simcost.plan.disaggregation import HandOver, Link
    from simcost.sim import Pool, simulate
    from simcost.sim.serving.pool import PrefillSide
    from simcost.trace.requests.store import read_batches

    routers = {router.kind: router for router in (LeastOutstanding(), RoundRobin(), PowerOfTwo())}
    pool = Pool(
        name="week",
        step=step_time(),
        kv_capacity_tokens=466_160,
        router=routers[options.router],
        scaling=Fixed(replicas=options.replicas - options.prefill),
    )
    if options.prefill:
        link = Link(bandwidth=25e9)
        side = PrefillSide(
            pool=replace(pool, scaling=Fixed(replicas=options.prefill)),
            hand_over=HandOver(link=link),
            transfer_s_per_token=131_072 / link.bandwidth,
            layers=32,
        )
        pool = replace(pool, prefill=side)
    batches: Iterator[Any] = read_batches(Path(options.trace))
    if options.warm_up:
        batches = iter([next(batches)])
    ledger = simulate(pool, batches, horizon_s=WEEK_S, limits=LatencyLimits(ttft_s=0.5, tpot_s=0.05))
    got = ledger.outcomes
    return {"requests": got.arrived, "completed": got.completed, "steps": got.steps}


def simpy_mm8(_: argparse.Namespace) -> dict[str, Any]:
    """M/M/8 at a load of 0.8 as simpy's users write it: a process per request, a Resource for the servers."""
    import random

    import simpy

    env, random_s = simpy.Environment(), random.Random(1)
    servers = simpy.Resource(env, 8)

    def request() -> Generator[Any, Any, None]:
        with servers.request() as turn:
            yield turn
            yield env.timeout(random_s.expovariate(1.0))

    def source() -> Generator[Any, Any, None]:
        for _ in range(SIMPY_REQUESTS):
            yield env.timeout(random_s.expovariate(6.4))
            env.process(request())

    env.process(source())
    start = measure.cpu_s()
    env.run()
    return {"requests": SIMPY_REQUESTS, "work_cpu_s": measure.cpu_s() - start}


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--router", choices=ROUTERS, default=ROUTERS[0])
    parser.add_argument("--replicas", type=int, default=150)
    parser.add_argument("--prefill", type=int, default=0)
    parser.add_argument("--requests", type=int, default=44_000_000)
    return parsed(parser, PARTS)


def parsed(parser: argparse.ArgumentParser, parts: Iterable[str]) -> argparse.Namespace:
    """Options of a benchmark in parts."""
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--part", choices=tuple(parts), help=argparse.SUPPRESS)
    parser.add_argument("--trace", help=argparse.SUPPRESS)
    parser.add_argument("--warm-up", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


PARTS = {"synthesize": synthesize, "simulate": simulate, "simpy": simpy_mm8}

if __name__ == "__main__":
    main()
