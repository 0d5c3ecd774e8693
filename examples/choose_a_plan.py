# %% [markdown]
# # Choose a plan
#
# Four plans for a day of chat traffic: which one is the cheapest that meets the SLO, how sure is that, and which
# price would change the answer? The scenario is that of the quickstart; two hours and two replications keep this page
# quick.

# %%
import simcost as sc

scenario = sc.load("scenarios/quickstart.yaml").with_changes({"horizon": "2h", "seeds": 2})
print(scenario.question)
print("plans:", ", ".join(scenario.plans))

# %% [markdown]
# ## Run it
#
# `run` simulates each plan twice, all plans with the same requests. The answer is one sentence:

# %%
result = scenario.run("results/choose-a-plan")
print(result.verdict)

# %% [markdown]
# The plans are a table. `to_arrow()` gives the same one without pandas.

# %%
plans = result.to_pandas().set_index("name")
columns = {"cost_usd.per_month": "USD a month", "slo.attainment": "attainment", "utilisation": "utilisation"}
plans[list(columns)].rename(columns=columns).round(3)

# %% [markdown]
# ## Where does the money go?
#
# The charts are those of the report; `result.charts` has their names.

# %%
result.chart("cost")

# %%
result.chart("pareto")

# %% [markdown]
# ## Another price
#
# What was simulated is kept in the folder. A run depends on hardware, scaling and requests, not on prices, so that
# another price simulates nothing.

# %%
for price in ("$4/h", "$3/h"):
    offer = {"offer": "aws/p5.4xlarge", "price": price}
    answer = scenario.with_changes({"plans.2.buy": offer}).run("results/choose-a-plan")
    print(f"H100 at {price}: {answer.best['name']}, ${answer.best['cost_usd']['per_month']:,.0f} a month")

# %% [markdown]
# ## Where does the answer flip?
#
# `sensitivity` finds the price itself.

# %%
study = scenario.sensitivity({"price.aws/p5.4xlarge": (2, 9)}, "results/choose-a-plan")
for flip in study.document["flips"]:
    print(f"below ${flip['value']:.2f} an hour: {flip['below']}; above: {flip['above']}")

# %% [markdown]
# ## Keep it
#
# One HTML file, with all charts and assumptions; it needs nothing from outside.

# %%
page = result.save("choose-a-plan.html")
print(page, "written")
