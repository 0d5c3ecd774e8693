"""Drafts: the text of each scenario as this session has edited it; all widgets are views of that text."""

from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import streamlit as st

from simcost.errors import Fault, SimcostError
from simcost.scenario.files.edit import values

LONGEST = 200_000  # characters of a scenario


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A scenario file and its text in this session, for one run of the page: what is read once stays."""

    file: Path
    text: str

    @cached_property
    def is_stored(self) -> bool:
        """True if the text is that of the file."""
        return self.text == stored(self.file)

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the text, or of the file that holds it, as results name their inputs."""
        return sha256(self.file.read_bytes() if self.is_stored else self.text.encode()).hexdigest()

    @cached_property
    def values(self) -> dict[str, Any]:
        """All values of the text."""
        return values(self.text)

    @cached_property
    def loaded(self) -> Any:
        """The checked scenario, of one service or several. Raises FaultsError."""
        from simcost.scenario.checks.load import load_text, load_with_services

        return (
            load_with_services(self.file) if self.is_stored else load_text(self.text, self._place(), self.file.parent)
        )

    def faults(self) -> list[Fault]:
        """All faults of the text."""
        from simcost.errors import FaultsError

        if not self.text.strip():
            return [Fault(file=self.file.name, message="nothing to run")]
        try:
            _ = self.loaded
        except FaultsError as error:
            return [self._here(fault) for fault in error.faults]
        except (SimcostError, OSError, UnicodeError) as error:
            return [Fault(file=self.file.name, message=str(error))]
        return []

    def _here(self, fault: Fault) -> Fault:
        """A fault of this text as it is; one of a file that it names, as a manifest, says where, as a command does."""
        named = Path(fault.file)
        if named.name in (self.file.name, self._place().name):
            return fault
        beside = named.relative_to(self.file.parent) if named.is_relative_to(self.file.parent) else named
        return Fault(file=self.file.name, message=str(replace(fault, file=str(beside))))

    @property
    def taken_along(self) -> str:
        """Name of the file with the text, as it is downloaded and as commands name it."""
        name = self.values.get("scenario")
        is_name = isinstance(name, str) and name == Path(name).name and name.isprintable()
        return f"{name if is_name and name else self.file.stem}-scenario.yaml"

    def _place(self) -> Path:
        return self.file.with_name(self.taken_along)


def stored(file: Path) -> str:
    """The text of a scenario's file; what is not UTF-8 shows as such."""
    return file.read_text(encoding="utf-8", errors="replace")


def listed(scenarios: Path) -> list[Path]:
    """The scenario files of a folder."""
    return sorted(scenarios.glob("[!.]*.yaml"))


def draft(file: Path) -> Draft:
    """The text of a file as this session has it."""
    return Draft(file=file, text=_texts().get(file.name, stored(file)))


def write(file: Path, text: str) -> None:
    """Put another text in the place of the draft."""
    _texts()[file.name] = text


def _texts() -> dict[str, str]:
    found: dict[str, str] = st.session_state.setdefault("drafts", {})
    return found


def titled(file: Path) -> str:
    """The name of a scenario; one that lacks a file which a command gets is said to."""
    from simcost.scenario.checks.downloads import missing_downloads

    return f"{file.stem} (needs a download)" if missing_downloads(file) else file.stem
