"""Starts the server of `keepfit serve`: pipelines, token, uvicorn; runs in the foreground until it is told to end."""

import logging
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from config.load import load_all
from config.opening import open_pipeline
from config.settings import Settings
from tasks.adapters.store.folders import private
from tasks.core.errors import ConfigInvalid, NotFound

LOOK_SECONDS = 1.0
_SHORTEST = 16


def token_of(settings: Settings) -> str:
    """The bearer token: KEEPFIT_SERVING_TOKEN, else that of the file serving/token in the home, made at first need."""
    if settings.serving_token is not None:
        token = settings.serving_token.get_secret_value()
        if len(token) < _SHORTEST or not token.isascii() or not token.isprintable() or " " in token:
            raise ConfigInvalid(
                f"KEEPFIT_SERVING_TOKEN is not allowed: use at least {_SHORTEST} ASCII characters without spaces."
            )
        return token
    path = token_file(settings)
    private(path.parent)
    try:
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(32))
    except FileExistsError:
        pass
    return path.read_text("ascii").strip()


def token_file(settings: Settings) -> Path:
    """Where the token stands that was made by us."""
    return settings.home / "serving" / "token"


def serve(settings: Settings, names: Sequence[str], host: str, port: int) -> None:
    """Serve these pipelines (all, if none is named) until SIGTERM or Ctrl-C; requests in flight are answered first."""
    import uvicorn

    from deployments.serving.app import Server, build_app

    # While MLflow is down the journal is still followed: each look waits for it only so long.
    os.environ |= {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "5"}
    known = load_all(settings)
    if unknown := [name for name in names if name not in known]:
        raise NotFound(f"There is no pipeline {unknown[0]!r}. Known: {', '.join(known) or 'none'}.")
    chosen = names or list(known)
    if not chosen:
        raise NotFound(f"There is no pipeline in {settings.pipelines_dir}. Make one with `keepfit new`.")
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s", datefmt="%F %T")
    logging.getLogger("keepfit").setLevel(logging.INFO)
    pipelines = {name: open_pipeline(name, None, "serving", settings) for name in chosen}
    server = Server(pipelines, settings.home, LOOK_SECONDS)
    logging.getLogger("keepfit.serving").info("serving %s at http://%s:%s", ", ".join(chosen), host, port)
    uvicorn.run(
        build_app(server, token_of(settings)), host=host, port=port, log_level="warning", access_log=False,
        server_header=False, date_header=False, ws="none", proxy_headers=False, timeout_graceful_shutdown=15,
        h11_max_incomplete_event_size=32_768,
    )  # fmt: skip
