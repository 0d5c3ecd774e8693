# %% [markdown]
# # Check a bill
#
# Four weeks of two instance types, as a meter exports them. What should they have cost, what did the savings plan
# save, and how much of it was not used? Bills are settled hour by hour by the rules of the provider; nothing is
# simulated.

# %%
import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path

import simcost as sc

# %% [markdown]
# ## The usage
#
# Take an export of yours in its place: a row says what ran, from when, how many. Here the chat fleet follows the
# working day, and training holds two machines day and night.

# %%
first = datetime(2026, 10, 5, tzinfo=UTC)
rows = []
for hour in range(24 * 28):
    start = first + timedelta(hours=hour)
    working = start.weekday() < 5 and 8 <= start.hour < 20
    rows.append(("aws/g6e.xlarge", "us-east-1", f"{start:%Y-%m-%dT%H:%M:%SZ}", 18 if working else 6, "chat"))
    rows.append(("aws/p5.48xlarge", "us-east-1", f"{start:%Y-%m-%dT%H:%M:%SZ}", 2, "research"))
with Path("usage.csv").open("w", newline="") as file:
    csv.writer(file).writerows([("sku", "region", "hour", "quantity", "team"), *rows])
print(len(rows), "rows")

# %% [markdown]
# ## On demand
#
# A purchasing plan without commitments gives the list price. Check it by hand: the catalog has g6e.xlarge at $1.861
# an hour and p5.48xlarge at $55.04.

# %%
Path("on-demand.yaml").write_text("purchasing: on demand\n")
listed = sc.bill("usage.csv", "on-demand.yaml")
print(listed.verdict)
by_hand = 28 * 24 * 2 * 55.04 + (20 * 12 * 18 + (28 * 24 - 20 * 12) * 6) * 1.861
print(f"by hand ${by_hand:,.2f}, settled ${listed.document['effective_usd']:,.2f}")

# %% [markdown]
# ## With a savings plan
#
# The discount is an assumption of this page: write the rate of your contract. A savings plan of $90 an hour is paid
# in every hour, used or not.

# %%
Path("committed.yaml").write_text("""\
purchasing: one savings plan
commitments:
  - {kind: savings-plan, name: compute plan, commitment: $90/h, discount: 28 %}
""")
committed = sc.bill("usage.csv", "committed.yaml")
print(committed.verdict)

# %%
for commitment in committed.document["commitments"]:
    used, lost = commitment["utilisation"], commitment["unused_usd"]
    print(f"{commitment['name']}: {used:.1%} used, ${lost:,.0f} paid for hours that used less")

# %% [markdown]
# At night the chat fleet is too small for what was committed. The charges by instance type add up to the bill to the
# cent:

# %%
charges = committed.to_pandas()
print(charges.groupby("sku")["effective_cost_usd"].sum().round(2).to_string())
print("total", round(charges["effective_cost_usd"].sum(), 2), "=", round(committed.document["effective_usd"], 2))

# %% [markdown]
# ## How much should we have committed?
#
# The same usage under other amounts. Above $79 an hour the amount covers two p5.48xlarge at any time: 2 x $55.04 x
# 0.72 = $79.26.

# %%
for usd in (60, 70, 80, 90, 100):
    plan = f"commitments: [{{kind: savings-plan, name: compute plan, commitment: ${usd}/h, discount: 28 %}}]\n"
    Path("other.yaml").write_text(f"purchasing: ${usd} an hour\n{plan}")
    print(f"${usd} an hour: ${sc.bill('usage.csv', 'other.yaml').document['effective_usd']:,.0f}")

# %% [markdown]
# `simcost commit` finds the amount itself, over the demand that may come: [What should we commit
# to?](../guides/commitments.md) To compare with the bill that the provider sent, see [Was the bill what we
# expected?](../guides/costs.md#was-the-bill-what-we-expected)
