"""`simcost calibrate`: coefficients of a replica from an observed run or benchmark."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from simcost.studies.argument_types import number, positive, span
from simcost.studies.options import Arguments, check_distinct, finish, output, own_catalog, pictures, seed, verb


def add(verbs: Any) -> None:
    """The verb `calibrate`."""
    calibrate = verb(verbs, "calibrate", _calibrate, "fit a replica to what your engine was observed to do, by replay")
    calibrate.add_argument(
        "observed",
        type=Path,
        nargs="+",
        metavar="OBSERVED",
        help="folder with requests.jsonl, trace with latencies, or outputs of benchmark tools",
    )
    _add_engine(calibrate)
    load = calibrate.add_argument_group("load, where the output does not state it")
    load.add_argument("--concurrency", type=positive, metavar="N", help="clients of a closed loop, or size of a batch")
    load.add_argument("--rate", type=number, metavar="PER_S", help="requests per second")
    load.add_argument("--span", type=span, metavar="TIME", help="time that the counters of a scrape cover")
    load.add_argument("--input-len", type=positive, metavar="TOKENS", help="prompt tokens of each request")
    load.add_argument("--output-len", type=positive, metavar="TOKENS", help="output tokens of each request")
    output(calibrate, "-o", "--output", required=True, metavar="FILE", help="coefficients to write (.yaml)")
    seed(calibrate, of_scenario=False)
    own_catalog(calibrate)
    pictures(calibrate)


def _add_engine(parser: Any) -> None:
    engine = parser.add_argument_group("engine, where the output does not state it")
    engine.add_argument("--model", metavar="MODEL", help="name of a model in the catalog")
    engine.add_argument("--on", metavar="ACCELERATOR", help="name of an accelerator in the catalog")
    engine.add_argument("--tp", type=positive, metavar="N", help="accelerators per replica")
    engine.add_argument("--engines", type=positive, metavar="N", help="engines that served the log, behind one queue")
    engine.add_argument("--precision", default="bf16", help="bf16, fp8, int8, int4 or fp4 (default bf16)")
    engine.add_argument("--kv-precision", default="bf16", help="of the KV cache (default bf16)")
    engine.add_argument("--memory-utilisation", type=float, default=0.92, help="share of memory used (default 0.92)")
    engine.add_argument("--kv-tokens", type=positive, metavar="N", help="KV capacity as the engine logs it")
    engine.add_argument("--max-num-seqs", type=positive, metavar="N", help="running sequences at most")
    engine.add_argument("--max-num-batched-tokens", type=positive, metavar="N", help="token budget of a step")


def _calibrate(arguments: Arguments) -> None:
    from simcost.catalog import load_catalog
    from simcost.outputs import whole_file
    from simcost.progress import Progress
    from simcost.scenario.files.parts import replica_spec
    from simcost.studies.calibration.coefficients_file import coefficients_text
    from simcost.studies.calibration.study import calibrate
    from simcost.tables.digests import sha256_of
    from simcost.tables.object_stores import source_name
    from simcost.trace.observed import Configuration
    from simcost.trace.observed.load import Load

    check_distinct(arguments.observed)
    given = Configuration(
        model=arguments.model,
        accelerator=arguments.on,
        tp=arguments.tp,
        max_num_seqs=arguments.max_num_seqs,
        max_num_batched_tokens=arguments.max_num_batched_tokens,
        kv_tokens=arguments.kv_tokens,
        engines=arguments.engines,
    )
    load = Load(
        concurrency=arguments.concurrency,
        rate_per_s=arguments.rate,
        span_s=arguments.span,
        prompt_tokens=arguments.input_len,
        output_tokens=arguments.output_len,
    )
    names = ("precision", "kv_precision", "memory_utilisation")
    spec = {name: getattr(arguments, name) for name in names}
    replica_spec(accelerator=arguments.on or "", **spec)
    with Progress("calibrate", quiet=arguments.quiet) as progress:
        result = calibrate(
            arguments.observed,
            load_catalog(arguments.catalog),
            given=given,
            load=load,
            spec=spec,
            seed=1 if arguments.seed is None else arguments.seed,
            progress=progress,
        )
    files = result.observation.files
    with whole_file(arguments.output) as draft:
        inputs = {source_name(path): sha256_of(path) for path in files}
        draft.write_text(coefficients_text(result, inputs), encoding="utf-8")
    written = [os.path.relpath(path) for path in (arguments.output, arguments.html, arguments.svg) if path]
    document = {**result.document, "files": written}
    finish(arguments, document, document["findings"], "calibration.view", files=files)
