"""The wheel: the explorer, which stands at the top of the repository, lies in it as `simcost/explorer`."""

from collections.abc import Iterator
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

EXPLORER = ("app.py", "views/*.py", "views/*.css", "views/*.js", ".streamlit/config.toml", "scenarios/quickstart.yaml")


class WithExplorer(build_py):
    """Modules and facts of the package, and the explorer with its sample."""

    def run(self) -> None:
        """Copy all of it; an editable installation finds the explorer where it stands."""
        super().run()
        if not self.editable_mode:
            for source, target in self._explorer():
                self.mkpath(str(target.parent))
                self.copy_file(str(source), str(target), preserve_mode=False)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """Files of the wheel."""
        return [*super().get_outputs(include_bytecode), *(str(target) for _, target in self._explorer())]

    def get_source_files(self) -> list[str]:
        """Files that the wheel is made of."""
        return [*super().get_source_files(), *(str(source) for source, _ in self._explorer())]

    def _explorer(self) -> Iterator[tuple[Path, Path]]:
        """Files of the explorer, each with its place in the wheel."""
        for pattern in EXPLORER:
            for source in sorted(Path().glob(pattern)):
                yield source, Path(self.build_lib, "simcost", "explorer", source)


setup(cmdclass={"build_py": WithExplorer})
