"""What a model was made with: code revision, digests of code and lock, versions. Reads files and git only."""

import hashlib
import subprocess
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
_FITTING_CODE = ("columns", "features", "splits", "estimators", "fitting", "metrics")
_MODEL_LIBRARIES = ("scikit-learn", "numpy", "pandas", "skops", "scipy")


@lru_cache(maxsize=1)
def code_digest() -> str:
    """SHA-256 of the code that a fit depends on, and of the libraries that do the fitting."""
    digest = hashlib.sha256()
    for name in _FITTING_CODE:
        digest.update((PROJECT / "tasks" / "core" / f"{name}.py").read_bytes())
    for library in _MODEL_LIBRARIES:
        digest.update(f"{library}=={version(library)}".encode())
    return digest.hexdigest()


@lru_cache(maxsize=1)
def code_revision() -> str:
    """The git revision of the project, with `+changes` when the work tree differs; `unknown` without git."""
    try:
        revision = _git("rev-parse", "HEAD")
        return revision + ("+changes" if _git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(PROJECT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout.strip()


@lru_cache(maxsize=1)
def lock_digest() -> str:
    """SHA-256 of the lock file; `unknown` where the project runs without it."""
    lock = PROJECT / "requirements.lock"
    return hashlib.sha256(lock.read_bytes()).hexdigest() if lock.is_file() else "unknown"


def model_requirements() -> list[str]:
    """What is needed to load and ask a model, pinned to what it was fitted with."""
    return [f"{library}=={version(library)}" for library in _MODEL_LIBRARIES]
