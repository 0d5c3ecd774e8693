"""What serving holds in a finished run, as `train share` reads it: to the instant, as the run itself counts it."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from support.job_scenarios import NIGHT, home

import simcost as sc
from simcost.plan.failures import Checkpoints
from simcost.plan.scheduling import FifoSkip
from simcost.sim.jobs.simulate import schedule
from simcost.studies.scheduling.sharing import serving_use, share
from simcost.trace.jobs.reader import read_jobs

pytestmark = pytest.mark.slow


def test_what_serving_holds_is_that_of_the_run(tmp_path: Path) -> None:
    """GPU-hours of the first replication are equal, and so are waits, lost work and preemptions of the same jobs: a
    timeline of 480 samples missed what lies between two of them.
    """
    out = tmp_path / "out"
    sc.load(home(tmp_path, text=NIGHT)).run(out=out)
    runs = pq.read_table(out / "tables" / "runs.parquet").to_pylist()
    for name in ("one fleet", "two fleets"):
        run = next(row for row in runs if (row["plan"], row["replication"]) == (name, 0))
        use = serving_use(out, name)
        assert use.replications == 2
        assert use.mean * use.horizon_s / 3600 == pytest.approx(run["requests_gpu_h"], rel=1e-9)
    run = next(row for row in runs if (row["plan"], row["replication"]) == ("one fleet", 0))
    use = serving_use(out, "one fleet")
    jobs, _ = read_jobs(tmp_path / "jobs.csv", window_s=6000)
    saves = Checkpoints(interval=600)
    ledger = schedule(jobs, use.left_of(11, 7200), FifoSkip(), checkpoints=saves, horizon_s=7200)
    assert ledger.waits_s().mean() == pytest.approx(run["wait_mean_s"], rel=1e-9)
    assert ledger.outcomes.preemptions.sum() == run["jobs_preemptions"] > 0
    assert ledger.gpu_seconds["lost"] / 3600 == pytest.approx(run["lost_gpu_h"], rel=1e-9)
    found = share(jobs, use, gpus=11, checkpoints=saves, usd_per_gpu_h=None, step=1)
    assert [said["kind"] for said in found.findings] == ["first_replication"]
