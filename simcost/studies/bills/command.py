"""`simcost bill`: metered usage under purchasing plans, without a simulation."""

from pathlib import Path
from typing import Any

from simcost.errors import InputError
from simcost.studies.options import Arguments, check_belongs, columns, output, sourced, study


def add(verbs: Any) -> None:
    """The verb `bill`."""
    bill = study(verbs, "bill", _bill, "bills.view", "price a file of usage under purchasing plans")
    bill.add_argument(
        "file",
        type=Path,
        metavar="USAGE",
        help="sku, start, end, quantity, ... as CSV or Parquet; or a results folder",
    )
    bill.add_argument(
        "--plan",
        type=Path,
        action="append",
        required=True,
        metavar="YAML",
        help="purchasing plan; repeatable",
    )
    output(bill, "--focus", metavar="OUT", help="write the bill in the FOCUS format (.parquet or .csv); one plan")
    bill.add_argument("--run-plan", metavar="NAME", help="plan of a results folder (default: the best)")
    columns(bill)


def _bill(arguments: Arguments) -> dict[str, Any]:
    from simcost.billing.document import side_by_side
    from simcost.scenario.inputs.purchasing import hashed, price_usage, write_focus_bill

    if arguments.focus and len(arguments.plan) > 1:
        raise InputError("--focus writes one bill; give one --plan")
    if arguments.file.exists() and not arguments.file.is_dir():
        check_belongs(arguments, ("run_plan",), "a results folder")
    priced = price_usage(arguments.file, arguments.plan, dict(arguments.map), arguments.run_plan)
    documents = [document for document, _ in priced]
    if arguments.focus:
        write_focus_bill(arguments.focus, priced[0][1], arguments.file, arguments.plan[0])
    document = documents[0] if len(documents) == 1 else side_by_side(documents)
    files = [hashed(arguments.file), *arguments.plan]
    return sourced(arguments, document, documents[0]["findings"], files=files)
