"""`python -m blog_app.development.local run | dev | install | shell | psql NAME`, for the Makefile."""

from __future__ import annotations

import sys

from blog_app.development.local import console, development, programs
from blog_app.development.local.group import StartError


def main(arguments: list[str]) -> int:
    """Run a subcommand; return the exit status."""
    try:
        match arguments:
            case ["install"]:
                programs.install_missing()
                return 0
            case ["run"]:
                return development.run(reload=False)
            case ["dev"]:
                return development.run(reload=True)
            case ["shell"]:
                console.shell()
            case ["psql", name, *options]:
                console.psql(name, options)
            case _:
                print(__doc__)
                return 2
    except StartError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"\ncannot start: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
