import re
from collections import Counter
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "simcost"


def test_no_public_class_name_occurs_twice() -> None:
    names = Counter(
        name
        for path in PACKAGE.rglob("*.py")
        for name in re.findall(r"^ *class ([A-Za-z]\w*)[(:\[]", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    )
    assert [name for name, count in names.items() if count > 1] == []
