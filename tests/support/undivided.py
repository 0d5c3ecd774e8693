"""Small scenarios that are simulated as a whole: clients that wait for answers, and plans of several pools."""

CLOSED = """\
scenario: closed
model: llama-3.2-1b
horizon: 10min
seeds: 3
engine_sigma: 0.01
workload:
  kind: closed
  clients: 40
  think: {kind: exponential, mean: 2s}
  lengths: {prompt_median: 200, output_median: 120}
slo: {ttft: 500ms, tpot: 12.5ms, attainment: 95%}
plans:
  - name: four
    replica: {accelerator: l4}
    buy: {offer: gcp/g2-standard-4, region: us-central1}
    scaling: {kind: fixed, replicas: 4}
"""

POOLS = """\
scenario: pools
model: llama-3.2-1b
horizon: 10min
seeds: 3
workload: {kind: synthetic, rate: 30/s, burst_cv: 0.3, lengths: {prompt_median: 300, output_median: 150}}
slo: {ttft: 1s, tpot: 60ms, attainment: 95%}
plans:
  - name: two pools
    replica: {accelerator: l4}
    router: least-outstanding
    pools:
      - name: spot
        buy: {kind: spot, offer: gcp/g2-standard-4, region: us-central1}
        interruptions: {spot: {kind: hazard, per_node_h: 0.05}}
        scaling: {kind: fixed, replicas: 3}
      - name: steady
        buy: {offer: gcp/g2-standard-4, region: us-central1}
        scaling: {kind: fixed, replicas: 5}
"""
