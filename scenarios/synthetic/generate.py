"""Writes the synthetic files beside it: `python scenarios/synthetic/generate.py`.

They stand in for public traces that cannot be had by one download, and for files of a user's own: the log of a gateway,
the usage of a month. All of it is drawn from the rates and distributions below, with a fixed seed; none of it is a row
of those traces.
"""

from __future__ import annotations

import gzip
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

START = datetime(2017, 10, 1, tzinfo=UTC)  # a Sunday, as the Philly trace is read from
JOBS, DAYS = 9_000, 14
GPU_HOURS_A_JOB = 21.0
LONGEST_HOURS = 40.0
SIZES = {1: 0.60, 2: 0.10, 4: 0.13, 8: 0.12, 16: 0.04, 32: 0.01}
"""GPUs of a job, and their share of the jobs."""
TEAMS = {
    "vision": (128, 0.39),
    "speech": (64, 0.19),
    "search": (48, 0.15),
    "ads": (32, 0.08),
    "language": (24, 0.06),
    "maps": (20, 0.045),
    "robots": (16, 0.03),
    "research": (12, 0.035),
    "interns": (8, 0.02),
}
"""Nodes of each virtual cluster, 8 GPUs each, and its share of the jobs."""
NIGHT_SHARE = 0.35
"""Submissions at night and on weekends, relative to the busiest hours."""

WEEK = datetime(2024, 5, 12, tzinfo=UTC)  # a Sunday
REQUESTS_PER_S = 45.0
DAY = (0.55, 0.47, 0.42, 0.40, 0.42, 0.50, 0.66, 0.86, 1.08, 1.27, 1.38, 1.43,
       1.42, 1.46, 1.50, 1.46, 1.38, 1.26, 1.14, 1.06, 1.00, 0.92, 0.80, 0.67)  # fmt: skip
WEEKDAYS = (0.78, 1.08, 1.12, 1.12, 1.10, 1.02, 0.78)
"""From Sunday on."""
NOISE = 0.04

SPOT_NODES, SPOT_DAYS, TICK_S = 4, 18, 300
HOURS_HELD, HOURS_GONE = 30.0, 4.0
"""Means of the time that a spot node is held, and gone."""
ZONE_DRY, ZONE_DRY_HOURS = 0.25, 6.0
"""How often a day the zone has no node at all, and for how long."""

METRIC_STEP_S, SLOTS, IN_FLIGHT = 60, 24, 90.0
"""Gap of a recording of metrics, requests that a replica takes at a time, and those in flight at the mean rate."""
REPLICAS, FOLLOWS_S, DELAY_S = (2, 8), 2400, 300
"""Limits of the recorded fleet, and the stretch before an instant whose busiest moment it holds."""

LOG_HOURS, LOG_PER_S, LOG_START = 0.5, 4.0, WEEK + timedelta(days=2, hours=9)
LENGTHS = {"prompt": (1100, 0.9), "output": (180, 0.7)}
"""Median of the tokens, and sigma of their logarithm."""
STATUSES = {200: 0.985, 429: 0.01, 500: 0.005}
"""Of the answers, and their shares."""

USAGE_START, USAGE_DAYS = datetime(2026, 8, 2, tzinfo=UTC), 28  # a Sunday
STEADY, SERVED, LARGEST = 6, 9.0, 16
"""Instances of a fleet that is always there, and of an autoscaled one at the mean rate and at most."""


def jobs(random: Random) -> str:
    """Jobs of two weeks: submit time in Pacific time, duration, GPUs, virtual cluster."""
    instants = sorted(_submitted(random) for _ in range(JOBS))
    names, shares = list(TEAMS), [share for _, share in TEAMS.values()]
    drawn = []
    for instant in instants:
        [team] = random.choices(names, shares)
        [gpus] = random.choices(list(SIZES), list(SIZES.values()))
        gpus = min(gpus, TEAMS[team][0] * 8 // 4)  # fits when the scenario divides the nodes by four
        long = random.random() < 0.12  # trainings; the others are tries that end soon
        hours = random.lognormvariate(math.log(9), 0.9) if long else random.lognormvariate(math.log(0.25), 1.3)
        drawn.append((instant, min(hours, LONGEST_HOURS), gpus, team))
    scale = GPU_HOURS_A_JOB * JOBS / sum(hours * gpus for _, hours, gpus, _ in drawn)
    rows = ["submit_time,duration_s,num_gpus,vc"]
    for instant, hours, gpus, team in drawn:
        seconds = max(30, round(3600 * hours * scale))
        rows.append(f"{START + timedelta(seconds=instant):%Y-%m-%d %H:%M:%S},{seconds},{gpus},{team}")
    return "\n".join(rows) + "\n"


def _submitted(random: Random) -> int:
    """Seconds from the start, mostly within the hours of work."""
    while True:
        instant = random.randrange(DAYS * 86400)
        day, hour = instant // 86400 % 7, instant // 3600 % 24
        busy = 1.0 if day in range(1, 6) and 9 <= hour < 19 else NIGHT_SHARE
        if random.random() < busy:
            return instant


def nodes() -> str:
    """Nodes of each virtual cluster."""
    return "\n".join(["vc,node num", *(f"{team},{count}" for team, (count, _) in TEAMS.items())]) + "\n"


def requests(random: Random) -> str:
    """Requests in each hour of a week."""
    level = REQUESTS_PER_S * 3600 / (sum(DAY) / 24) / (sum(WEEKDAYS) / 7)
    rows = ["timestamp,requests"]
    for hour in range(7 * 24):
        count = level * DAY[hour % 24] * WEEKDAYS[hour // 24] * random.lognormvariate(0, NOISE)
        rows.append(f"{WEEK + timedelta(hours=hour):%Y-%m-%dT%H:%M:%SZ},{round(count)}")
    return "\n".join(rows) + "\n"


def spot(random: Random) -> str:
    """Spot nodes that can be had, in runs of ticks of equal availability."""
    ticks = SPOT_DAYS * 86400 // TICK_S
    held = [_held(random, ticks) for _ in range(SPOT_NODES)]
    dry = [False] * ticks
    for _ in range(round(ZONE_DRY * SPOT_DAYS)):
        first = random.randrange(ticks)
        length = round(random.expovariate(1 / ZONE_DRY_HOURS) * 3600 / TICK_S)
        dry[first : first + length] = [True] * len(dry[first : first + length])
    there = [0 if dry[tick] else sum(node[tick] for node in held) for tick in range(ticks)]
    rows, first = ["trace,gap_s,start_tick,ticks,nodes_available"], 0
    for tick in range(1, ticks + 1):
        if tick == ticks or there[tick] != there[first]:
            rows.append(f"synthetic-zone,{TICK_S},{first},{tick - first},{there[first]}")
            first = tick
    return "\n".join(rows) + "\n"


def metrics(random: Random) -> str:
    """Replicas and requests of a serving pool over a day, as totals."""
    flights, noise = [], 0.0
    for minute in range(86400 // METRIC_STEP_S):
        noise = 0.9 * noise + random.gauss(0, 0.06)
        hour, part = divmod(minute * METRIC_STEP_S / 3600, 1)
        level = DAY[int(hour)] * (1 - part) + DAY[(int(hour) + 1) % 24] * part
        flights.append(IN_FLIGHT * level * math.exp(noise))
    rows = ["timestamp,replicas,vllm:num_requests_running,vllm:num_requests_waiting"]
    for minute, flight in enumerate(flights):
        first, last = max(minute - FOLLOWS_S // METRIC_STEP_S, 0), max(minute - DELAY_S // METRIC_STEP_S, 1)
        seen = max(flights[first:last])
        replicas = min(max(math.ceil(seen / SLOTS), REPLICAS[0]), REPLICAS[1])
        running = min(round(flight), replicas * SLOTS)
        at = WEEK + timedelta(days=2, seconds=minute * METRIC_STEP_S)
        rows.append(f"{at:%Y-%m-%dT%H:%M:%SZ},{replicas},{running},{round(flight) - running}")
    return "\n".join(rows) + "\n"


def log(random: Random) -> str:
    """Requests of half an hour as a gateway logs them, a few of which failed."""
    rows, at = ["arrival,model,prompt_tokens,output_tokens,status"], random.expovariate(LOG_PER_S)
    while at < LOG_HOURS * 3600:
        prompt, output = (max(1, round(median * random.lognormvariate(0, sigma))) for median, sigma in LENGTHS.values())
        [status] = random.choices(list(STATUSES), list(STATUSES.values()))
        when = (LOG_START + timedelta(seconds=at)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        rows.append(f"{when},llama-3.1-8b,{prompt},{output if status == 200 else 0},{status}")
        at += random.expovariate(LOG_PER_S)
    return "\n".join(rows) + "\n"


def usage(random: Random) -> str:
    """Instances in each hour of four weeks."""
    rows = ["hour,provider,region,sku,quantity"]
    for hour in range(USAGE_DAYS * 24):
        level = DAY[hour % 24] * WEEKDAYS[hour // 24 % 7] * random.lognormvariate(0, NOISE)
        at = f"{USAGE_START + timedelta(hours=hour):%Y-%m-%dT%H:00:00Z}"
        rows += [
            f"{at},aws,us-east-1,p5.4xlarge,{STEADY}",
            f"{at},aws,us-east-1,g6e.xlarge,{min(max(1, math.ceil(SERVED * level)), LARGEST)}",
        ]
    return "\n".join(rows) + "\n"


def _held(random: Random, ticks: int) -> list[bool]:
    """Whether one node is held, at each tick."""
    states: list[bool] = []
    state = True
    while len(states) < ticks:
        hours = random.expovariate(1 / (HOURS_HELD if state else HOURS_GONE))
        states += [state] * max(1, round(hours * 3600 / TICK_S))
        state = not state
    return states[:ticks]


def generated() -> dict[str, str]:
    """Name to text of all files."""
    return {
        "jobs.csv.gz": jobs(Random(1)),
        "metrics.csv.gz": metrics(Random(4)),
        "nodes.csv": nodes(),
        "requests-hourly.csv": requests(Random(2)),
        "requests-log.csv.gz": log(Random(5)),
        "spot.csv": spot(Random(3)),
        "usage.csv.gz": usage(Random(6)),
    }


if __name__ == "__main__":
    for name, text in generated().items():
        data = text.encode()
        path = Path(__file__).with_name(name)
        path.write_bytes(gzip.compress(data, mtime=0) if name.endswith(".gz") else data)
