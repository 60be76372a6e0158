"""A folder that somebody else fills."""

from typing import Literal

from tasks.adapters.sources.files import Files


class Folder(Files):
    """A folder of CSV or Parquet files; every file is one batch."""

    kind: Literal["folder"] = "folder"
