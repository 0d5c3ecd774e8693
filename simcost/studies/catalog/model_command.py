"""`simcost catalog import`: a model of the user's own, from the config.json of its checkpoint."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from simcost.errors import InputError
from simcost.studies.argument_types import number
from simcost.studies.options import Arguments, output_folder, show, verb

CONFIG = "config.json"


def add(actions: Any) -> None:
    """The action `import`."""
    load = verb(actions, "import", _import, "turn the config.json of a model into a row of your catalog folder")
    load.add_argument("file", type=Path, help="config.json of a checkpoint, or the folder that holds it")
    output_folder(load, "-o", "--out", metavar="FOLDER", help="catalog folder to write to (none: only look)")
    load.add_argument("--name", help="name of the model (default: that of the checkpoint, or of its folder)")
    load.add_argument(
        "--parameters",
        type=number,
        metavar="N",
        help="all of its parameters, e.g. 8.03e9 (default: as counted from its shape)",
    )


def _import(arguments: Arguments) -> None:
    from simcost.catalog import load_catalog
    from simcost.catalog.dates import today
    from simcost.perf.model_config import model_of_config

    path = arguments.file / CONFIG if arguments.file.is_dir() else arguments.file
    config = _document(path)
    name = _name(arguments.name, config, path)
    try:
        found = model_of_config(
            config, name, source=f"{CONFIG} of {name}", as_of=today(), parameters=arguments.parameters
        )
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    files = [] if arguments.out is None else [_written(arguments.out, found.model)]
    replaced = bool(files) and any(model.name == name for model in load_catalog().models)
    document = {
        "file": str(path),
        "name": name,
        "precision": found.precision,
        "facts": [{"kind": "models", **asdict(found.model)}],
        "findings": [*found.findings, *[f"with this folder, {name} is yours in place of that of simcost"] * replaced],
        "files": files,
    }
    show(arguments, document, "catalog.view")


def _written(folder: Path, model: Any) -> str:
    """The file of models of a folder, with this one in place of another of its name."""
    from simcost.catalog.loading import with_rows
    from simcost.catalog.prices.catalog_files import csv_text
    from simcost.outputs import whole_file

    file = folder / "models.csv"
    text = csv_text(with_rows(folder, "models", [model]))
    with whole_file(file) as draft:
        draft.write_text(text, encoding="utf-8")
    return str(file)


def _document(path: Path) -> dict[str, Any]:
    """The configuration. Raises InputError where the file holds none."""
    import json

    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: is not the {CONFIG} of a model ({error})") from error
    if not isinstance(document, dict) or not ("model_type" in document or "architectures" in document):
        raise InputError(f"{path}: is not the {CONFIG} of a model: it has neither model_type nor architectures")
    return document


def _name(given: str | None, config: dict[str, Any], path: Path) -> str:
    """Name of the model, as people write it in scenarios."""
    stated = str(config.get("_name_or_path") or "").rstrip("/").rpartition("/")[2]
    folder = path.resolve().parent.name if path.name == CONFIG else path.stem
    name = (given or stated or folder).strip().lower()
    if not name or "," in name or not name.isprintable():
        raise InputError(f"{path}: {name!r} is not a name for a model; pass --name NAME")
    return name
