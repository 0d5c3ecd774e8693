"""The server of the explorer: `python -m simcost.cli.explorer APP.PY [OPTION ...]` is `streamlit run` of it.

Streamlit loads an app when its first page is asked for. Here that begins with the server, while the browser starts.
"""

import sys
from importlib import import_module
from pathlib import Path


def main() -> None:
    """Serve until stopped."""
    from streamlit.web import cli

    sys.path.insert(0, str(Path(sys.argv[1]).parent))  # as Streamlit does for the first page
    import_module("views.loading").begin()
    sys.argv = ["streamlit", "run", *sys.argv[1:]]
    cli.main()


if __name__ == "__main__":
    main()
