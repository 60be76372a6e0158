"""$VARIABLES of the environment in a source's options: filled in at use, so that no secret stands in a file."""

import os
import re

from tasks.core.errors import ConfigInvalid


def filled(text: str, option: str) -> str:
    """The text with its $VARIABLES. Raises ConfigInvalid naming `option` and the variable that is not there."""
    told = os.path.expandvars(text)
    if missing := [name for name in re.findall(r"\$\{?(\w+)", text) if name not in os.environ]:
        raise ConfigInvalid(
            f"{option} names ${missing[0]}, which the environment does not have. Set it, then run again."
        )
    return told
