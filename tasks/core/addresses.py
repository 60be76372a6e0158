"""Addresses as they may be shown: in messages, on pages and in files. Reaching a server belongs to the adapters."""

import re

# A password may itself hold @, / and line ends, encoded or not: whatever stands before the last @ is left out.
_CREDENTIALS = re.compile(r"^([a-z][a-z0-9+.-]*://)?.*@", re.IGNORECASE | re.DOTALL)


def without_credentials(address: str) -> str:
    """The address without its user and password; also of one that is written wrongly, and then rather too little."""
    return _CREDENTIALS.sub(r"\1", address)
