"""Names that stand for several: `p5.48xlarge` for itself, `p5.*` for what begins with `p5.`, `*` for all."""

ANY_REGION = "any"


def matches(pattern: str, name: str) -> bool:
    """Whether the pattern stands for the name; case does not matter.

    >>> matches("p5.*", "P5.48xlarge"), matches("p5.48xlarge", "p5en.48xlarge"), matches("*", "p5.48xlarge")
    (True, False, True)
    """
    wanted, given = pattern.lower(), name.lower()
    return given.startswith(wanted[:-1]) if wanted.endswith("*") else given == wanted


def narrowness(pattern: str, region: str) -> tuple[bool, int, bool]:
    """Sorts patterns by how little they stand for: a name, a longer beginning, a shorter; then a region, `any`."""
    return not pattern.endswith("*"), len(pattern), region != ANY_REGION
