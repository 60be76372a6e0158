"""One question over HTTP: does this server answer? Standard library only, so that asking costs nothing to import."""

import http.client
import urllib.error
import urllib.request
from urllib.parse import urlsplit

# Servers on this machine are asked directly, whatever proxy the network has.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_ANY = urllib.request.build_opener()
_SERVER_ERROR = 500


def answers(url: str, timeout: float = 5) -> bool:
    """True when the server answers with anything but a server error within `timeout` seconds."""
    opener = _DIRECT if urlsplit(url).hostname in {"127.0.0.1", "localhost", "::1"} else _ANY
    try:
        with opener.open(url, timeout=timeout):
            return True
    except urllib.error.HTTPError as error:
        return error.code < _SERVER_ERROR
    except (OSError, http.client.HTTPException):
        return False
