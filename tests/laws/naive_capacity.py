"""Jobs on a capacity that changes, told again in the plainest Python, second by second."""

from typing import Any

from simcost.plan.failures import Checkpoints

Job = dict[str, Any]


def simulate(
    jobs: list[Job], gpus: list[int], saves: Checkpoints, *, strict: bool, horizon: int
) -> tuple[list[Job], dict[str, int]]:
    """The jobs, in order of the queue by (key, row), and what became of the GPU-seconds.

    Args:
        jobs: submit, duration, gpus, key.
        gpus: there at each second; none is wanted after the last.
        saves: whole seconds.
        strict: whether the first job that does not fit stops the line.
        horizon: end of the run.
    """
    untouched = {"start": -1, "end": -1, "since": None, "fresh": 0, "writing": 0, "owed": 0}
    counts = dict.fromkeys(("stops", "lost", "written", "restarted"), 0)
    jobs = [job | untouched | counts | {"row": row, "left": job["duration"]} for row, job in enumerate(jobs)]
    spent = dict.fromkeys(("idle_blocked", "idle_free", "down"), 0)
    for t in range(horizon):
        for job in jobs:
            if job["since"] is not None and job["left"] == 0:
                job["end"], job["since"] = t, None
        for job in _victims([job for job in jobs if job["since"] is not None], gpus[t]):
            _stop(job, saves)
        waiting = [job for job in jobs if job["submit"] <= t and job["since"] is None and job["left"] > 0]
        free = gpus[t] - sum(job["gpus"] for job in jobs if job["since"] is not None)
        for job in sorted(waiting, key=lambda job: (job["key"], job["row"])):
            if job["gpus"] <= free:
                job["since"], job["start"] = t, t if job["start"] < 0 else job["start"]
                free -= job["gpus"]
                waiting.remove(job)
            elif strict:
                break
        spent["idle_blocked" if waiting else "idle_free"] += free
        spent["down"] += max(gpus) - gpus[t]
        for job in jobs:
            if job["since"] is not None:
                _second(job, saves)
    return jobs, spent


def _victims(running: list[Job], gpus: int) -> list[Job]:
    """The latest, until the others fit; of these, the first to have started stay if they fit after all."""
    left, victims = gpus - sum(job["gpus"] for job in running), []
    for job in sorted(running, key=lambda job: (-job["since"], -job["row"])):
        if left < 0:
            victims.append(job)
            left += job["gpus"]
    for job in reversed(list(victims)):
        if job["gpus"] <= left:
            victims.remove(job)
            left -= job["gpus"]
    return victims


def _stop(job: Job, saves: Checkpoints) -> None:
    """Work since the last whole checkpoint is lost."""
    job["lost"] += job["fresh"]
    job["left"] += job["fresh"]
    job |= {"since": None, "fresh": 0, "writing": 0, "owed": saves.restart, "stops": job["stops"] + 1}


def _second(job: Job, saves: Checkpoints) -> None:
    """Restart, then work and checkpoints in turn."""
    if job["owed"]:
        job["owed"] -= 1
        job["restarted"] += 1
        return
    if job["writing"]:
        job["writing"] -= 1
        job["written"] += 1
        job["fresh"] *= job["writing"] > 0
        return
    job["left"] -= 1
    job["fresh"] += 1
    if job["fresh"] == saves.interval and job["left"]:
        job["writing"] = saves.write
        job["fresh"] *= saves.write > 0
