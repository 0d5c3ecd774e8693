# %% [markdown]
# # Forecast next quarter
#
# A year of daily request counts: how many requests will the next 91 days bring, what will they cost on a fleet, and
# how likely is it that the fleet misses its SLO? The counts are made here; put your own file in their place.

# %%
from datetime import date, timedelta
from math import exp
from pathlib import Path
from random import Random

import simcost as sc

random, noise, lines = Random(4), 0.0, ["timestamp,requests"]
for day in range(365):
    when, noise = date(2025, 1, 1) + timedelta(day), 0.7 * noise + random.gauss(0, 0.06)
    weekend = 0.65 if when.weekday() > 4 else 1.1
    lines.append(f"{when}T00:00:00Z,{round(2_250 * weekend * exp(0.0953 * day / 30.4 + noise))}")
Path("year.csv").write_text("\n".join(lines))
print(lines[1], "...", lines[-1])

# %% [markdown]
# ## Demand
#
# Growth is measured on the history, and shown with its uncertainty.

# %%
demand = sc.forecast("year.csv", horizon="91d")
series = demand.document["series"]["year"]
total = series["total"]
print(
    f"{total['mean'] / 1e6:.2f} million requests (80 %: {total['p10'] / 1e6:.2f} to {total['p90'] / 1e6:.2f} million)"
)
growth = series["growth"]
print(f"growth a month {growth['per_month'] - 1:+.1%}, 80 % from {growth['lo'] - 1:+.1%} to {growth['hi'] - 1:+.1%}")

# %%
demand.chart()

# %% [markdown]
# ## The same futures through a fleet
#
# The forecast becomes the demand of a scenario. Each plan meets the same futures, request by request, so that costs
# and service levels are distributions. The counts are of days: `daily` says how the requests of a day spread over its
# hours. Three futures stand for a hundred here; take more for a decision.

# %%
scenario = sc.load(
    {
        "scenario": "next-quarter",
        "question": "How many L4 for the next quarter?",
        "model": "llama-3.1-8b",
        "seeds": 3,
        "demand": {
            "history": "year.csv",
            "daily": [4, 3, 3, 3, 3, 4, 5, 6, 7, 8, 8, 8, 7, 8, 8, 8, 8, 7, 7, 6, 6, 6, 5, 5],
            "forecast": {"horizon": "91d", "paths": 100},
            "requests": {"gaps": {"kind": "poisson"}, "lengths": {"prompt_median": 600, "output_median": 1100}},
        },
        "slo": {"ttft": "2s", "tpot": "80ms", "attainment": "98%"},
        "defaults": {"replica": {"accelerator": "l4", "precision": "fp8"}, "buy": {"offer": "aws/g6.xlarge"}},
        "plans": [
            {"name": "one", "scaling": {"kind": "fixed", "replicas": 1}},
            {"name": "two", "scaling": {"kind": "fixed", "replicas": 2}},
        ],
    }
)
result = scenario.run("results/next-quarter")
print(result.verdict)

# %% [markdown]
# "Meets the SLO" means here: in all futures but the share `risk` (10 % by default). What each plan does in them:

# %%
for plan in result.document["futures"]["plans"]:
    cost, breach, attainment = plan["per_month_usd"]["p50"], plan["breach_slo"], plan["attainment"]["p10"]
    print(f"{plan['plan']}: ${cost:,.0f} a month, misses the SLO in {breach:.0%}; P10 of attainment {attainment:.1%}")

# %%
result.chart("slo")
