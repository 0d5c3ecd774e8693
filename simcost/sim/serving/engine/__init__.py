"""Data plane: requests and engine steps, compiled.

One replica works in steps. At each step boundary, in this order: finished decodes leave, finished prefills
give their first token, requests past their timeout are dropped, the last admitted are preempted while the KV
cache is over-full, and the next step is filled. A step takes (all integers, in units of 2**-STEP_SHIFT ticks)

    a + b*P + c*n + d*K + (e*Q >> shift)

for P prefill tokens, n decoding sequences that hold K KV tokens, and Q = sum of chunk*(2*done + chunk) over
the prefill chunks. Between events a batch of n sequences decodes step after step with K growing by n, so that
k steps take S(k) = k*A + d*n*k*(k-1)/2, A the first of them: one event covers the whole run, and the result
equals stepping one by one, bit for bit. A boundary is at a whole tick; units beyond it are carried to the next step.

Tie rules: boundaries strictly before T come before an arrival at T; an arrival exactly on a boundary is
admitted at that boundary; control at T comes before arrivals at T.
"""
