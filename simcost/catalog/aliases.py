"""Aliases of accelerators and models (lower case, without the organisation), and patterns of names.

Patterns: `p5.48xlarge` matches itself, `p5.*` all that begins with `p5.`, `*` everything.
"""

ALIASES = {
    "a100": "a100-80gb-sxm",
    "a100-40gb": "a100-40gb-sxm",
    "a100-80gb": "a100-80gb-sxm",
    "a100-pcie": "a100-80gb-pcie",
    "a100-sxm": "a100-80gb-sxm",
    "h100": "h100-sxm",
    "h200": "h200-sxm",
    "b200": "b200-sxm",
    "b300": "b300-sxm",
    "mi355": "mi355x",
    "rtx-a6000": "a6000",
    "rtx-pro-6000-server": "rtx-pro-6000",
    "deepseek-r1": "deepseek-v3",
    "llama-3.3-70b": "llama-3.1-70b",
    "mistral-7b-v0.3": "mistral-7b",
    "mixtral-8x7b-v0.1": "mixtral-8x7b",
    "mixtral-8x22b-v0.1": "mixtral-8x22b",
}

WITHOUT_DATASHEET = frozenset({"a6000", "gh200", "l40", "mi355x", "v100"})
"""Accelerators that have prices here but no datasheet: times and memory of a model on them cannot be told."""


def canonical(name: str) -> str:
    """The name under which the catalog may know what people write.

    >>> canonical("meta-llama/Meta-Llama-3.1-8B-Instruct"), canonical("H100")
    ('llama-3.1-8b', 'h100-sxm')
    """
    plain = name.rsplit("/", 1)[-1].strip().lower().replace("_", "-")
    plain = plain.removeprefix("meta-").removesuffix("-instruct")
    return ALIASES.get(plain, plain)


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
