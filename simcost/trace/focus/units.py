"""How exports write providers, units and instance types, and what we call them."""

import json
import re
from functools import lru_cache

PROVIDERS = {
    "aws": "aws", "amazon": "aws", "amazon web services": "aws", "amazon web services, inc.": "aws",
    "microsoft": "azure", "azure": "azure", "microsoft azure": "azure", "microsoft corporation": "azure",
    "google": "gcp", "google cloud": "gcp", "google cloud platform": "gcp", "gcp": "gcp",
}  # fmt: skip
"""Names in exports -> names in the catalog."""
_HOURS = {"h": 1.0, "hour": 1.0, "hr": 1.0, "hrs": 1.0, "minute": 1 / 60, "min": 1 / 60, "second": 1 / 3600,
          "sec": 1 / 3600, "s": 1 / 3600, "day": 24.0}  # fmt: skip
_OTHERS = {"token": "tokens", "gb-month": "GB-month", "gb-mo": "GB-month", "gb month": "GB-month", "gb": "GB",
           "request": "requests", "gb-hour": "GB-h"}  # fmt: skip
_MACHINES = re.compile(
    r"^(?:instance|vm|virtual machine|gpu instance|node|box|compute)[- ]?(?=hours?$|hrs?$)"
)
_BLOCK = re.compile(r"^(\d[\d,]*(?:\.\d+)?)\s*([KMB])?[ /]\s*(.+)$", re.IGNORECASE)
_SCALE = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9}
_TYPE_KEYS = ("InstanceType", "x_InstanceType", "instanceType", "ServiceType", "VMName")
_USAGE_TYPE = re.compile(
    r"(?:BoxUsage|SpotUsage|DedicatedUsage|HostBoxUsage|UnusedBox|Reservation):([\w.-]+)$"
)


def provider_of(name: str) -> str:
    """The catalog's name of a provider: `Amazon Web Services` is `aws`; others in lower case, with hyphens."""
    key = name.strip().lower()
    return PROVIDERS.get(key, re.sub(r"[^a-z0-9]+", "-", key).strip("-"))


def unit_of(text: str) -> tuple[float, str]:
    """How many of our unit a unit of an export is: `1000000 Tokens` is (1e6, tokens), `Hrs` is (1, h).

    Hours of machines are `h`; what is not known stays as it is written.
    """
    block = _BLOCK.match(text.strip())
    if block:
        factor, unit = unit_of(block[3])
        return float(block[1].replace(",", "")) * _SCALE[(block[2] or "").lower()] * factor, unit
    bare = _MACHINES.sub("", text.strip().lower())
    single = bare.removesuffix("s") if len(bare) > 1 else bare
    if single in _HOURS:
        return _HOURS[single], "h"
    return 1.0, _OTHERS.get(single, text.strip())


@lru_cache(65_536)
def instance_type(text: str) -> str:
    """The instance type in SkuPriceDetails, a provider's own details or its usage type; else empty."""
    usage = _USAGE_TYPE.search(text)
    if usage:
        return usage[1]
    try:
        said = json.loads(text)
    except ValueError:
        return ""
    if not isinstance(said, dict):
        return ""
    return next((str(said[key]) for key in _TYPE_KEYS if said.get(key)), "")
