"""Entry point of the Evidently part: its own server, which reads stored reports with distrust.

Arguments are those of `evidently ui`.
"""

import logging
import sys

from tasks.adapters import stored_reports


def main(arguments: list[str]) -> None:
    """Run `evidently ui` with all arguments."""
    from evidently.cli import app

    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    stored_reports.distrust()
    app(["ui", *arguments], prog_name="evidently")


if __name__ == "__main__":
    main(sys.argv[1:])
