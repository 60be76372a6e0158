"""The keys of pseudonyms: a value and a key give a name that nobody can trace back without the key.

Keys come from the environment; neither a key nor a value may stand in a message, a page or a file.
"""

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from tasks.core.errors import ConfigInvalid
from tasks.core.privacy.classes import PersonalClass

VARIABLE = "KEEPFIT_PRIVACY_KEYS"
_FEWEST = 32


@dataclass(frozen=True)
class Keys:
    """Keys by their id, the current one first; older ones still recognise what they have named."""

    secrets: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the keys, the current one first."""
        return tuple(self.secrets)

    @property
    def current(self) -> str:
        """The id of the key that new pseudonyms are made with. Raises ConfigInvalid where there is none."""
        if not self.secrets:
            raise ConfigInvalid(
                f"Pseudonyms and erasures need a key, and {VARIABLE} is not set. Set it to `ID:SECRET` (the secret of "
                f"{_FEWEST} characters or more, for example from `openssl rand -hex 32`) where Keepfit runs."
            )
        return next(iter(self.secrets))

    def pseudonym(self, value: str, kind: str, key: str | None = None) -> str:
        """`<key id>.<32 hexadecimal digits>`: HMAC-SHA256 (RFC 2104) of the class and the value, cut to 128 bits."""
        key = key or self.current
        message = f"{kind}\0{value}".encode("utf-8", "surrogatepass")
        return f"{key}.{hmac.new(self.secrets[key], message, sha256).hexdigest()[:32]}"


def read_keys(text: str) -> Keys:
    """Keys from `ID:SECRET`, several parted by commas, the current one first. Raises ConfigInvalid, quoting none."""
    found: dict[str, bytes] = {}
    for number, part in enumerate(filter(None, (part.strip() for part in text.split(","))), start=1):
        name, _, secret = part.partition(":")
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,16}", name) or len(secret) < _FEWEST or name in found:
            raise ConfigInvalid(
                f"{VARIABLE}: key {number} is none, or its id stands twice. Write `ID:SECRET`, the id of up to 16 "
                f"letters, digits, - and _, the secret of {_FEWEST} characters or more; several are parted by commas."
            )
        found[name] = secret.encode()
    return Keys(found)


def canonical(value: str, kind: PersonalClass) -> str:
    """One person's value written in one way, so that it gets one pseudonym however it was typed."""
    if kind == "mail":
        return value.strip().lower()
    if kind in {"iban", "card", "phone", "national_id"}:
        return re.sub(r"[\s().\-/]", "", value).upper()
    return value.strip()
