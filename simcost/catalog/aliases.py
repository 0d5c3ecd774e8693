"""Aliases of accelerators and models (lower case, without the organisation), and patterns of names.

Patterns: `p5.48xlarge` matches itself, `p5.*` all that begins with `p5.`, `*` everything.
"""

ALIASES = {
    "a100": "a100-80gb-sxm",
    "a100-40gb": "a100-40gb-sxm",
    "a100-80gb": "a100-80gb-sxm",
    "a100-pcie": "a100-80gb-pcie",
    "a100-sxm": "a100-80gb-sxm",
    "a100-sxm4-40gb": "a100-40gb-sxm",
    "a100-sxm4-80gb": "a100-80gb-sxm",
    "geforce-rtx-4090": "rtx-4090",
    "h100": "h100-sxm",
    "h100-80gb": "h100-sxm",
    "h100-80gb-hbm3": "h100-sxm",
    "h200": "h200-sxm",
    "rtx4090": "rtx-4090",
    "tesla-t4": "t4",
    "b200": "b200-sxm",
    "b300": "b300-sxm",
    "gaudi-3": "gaudi3",
    "gh200-480gb": "gh200",
    "mi355": "mi355x",
    "rtx-a6000": "a6000",
    "rtx-pro-6000-server": "rtx-pro-6000",
    "llama-2-70b-hf": "llama-2-70b",
    "llama-4-maverick-17b-128e": "llama-4-maverick",
    "llama-4-scout-17b-16e": "llama-4-scout",
    "mistral-7b-v0.3": "mistral-7b",
    "mixtral-8x7b-v0.1": "mixtral-8x7b",
    "mixtral-8x22b-v0.1": "mixtral-8x22b",
    "qwen3-235b-a22b-fp8": "qwen3-235b-a22b",
}

SAME_SHAPE = {
    "deepseek-r1": "deepseek-v3",
    "deepseek-r1-0528": "deepseek-v3",
    "deepseek-v3.1": "deepseek-v3",
    "glm-4.7": "glm-4.6",
    "kimi-k2-thinking": "kimi-k2",
    "kimi-k2.5": "kimi-k2",
    "llama-3.3-70b": "llama-3.1-70b",
    "minimax-m2.1": "minimax-m2",
    "minimax-m2.5": "minimax-m2",
}
"""Models of the shape of another one, so of its times and memory; not of its quality."""

WITHOUT_DATASHEET = frozenset({"a6000", "l40", "v100"})
"""Accelerators that have prices here but no datasheet: times and memory of a model on them cannot be told."""


def canonical(name: str) -> str:
    """The name under which the catalog may know what people write.

    Of accelerators those of `nvidia-smi`, and of the label `nvidia.com/gpu.product`, among them.

    >>> canonical("meta-llama/Meta-Llama-3.1-8B-Instruct"), canonical("H100"), canonical("NVIDIA A100-SXM4-40GB")
    ('llama-3.1-8b', 'h100-sxm', 'a100-40gb-sxm')
    """
    plain = name.rsplit("/", 1)[-1].strip().lower().replace("_", "-").replace(" ", "-")
    plain = plain.removeprefix("nvidia-").removeprefix("meta-").removesuffix("-instruct")
    return ALIASES.get(plain, plain)


def measured_name(name: str) -> str:
    """The name under which step times of what people write were measured.

    >>> measured_name("deepseek-ai/DeepSeek-R1"), measured_name("DeepSeek-V3")
    ('deepseek-v3', 'deepseek-v3')
    """
    return SAME_SHAPE.get(canonical(name), canonical(name))


ANY_REGION = "any"


def matches(pattern: str, name: str) -> bool:
    """True if the pattern matches the name; case does not matter.

    >>> matches("p5.*", "P5.48xlarge"), matches("p5.48xlarge", "p5en.48xlarge"), matches("*", "p5.48xlarge")
    (True, False, True)
    """
    wanted, given = pattern.lower(), name.lower()
    return given.startswith(wanted[:-1]) if wanted.endswith("*") else given == wanted


def narrowness(pattern: str, region: str) -> tuple[bool, int, bool]:
    """Sorts patterns by how little they stand for: a name, a longer beginning, a shorter; then a region, `any`."""
    return not pattern.endswith("*"), len(pattern), region != ANY_REGION
