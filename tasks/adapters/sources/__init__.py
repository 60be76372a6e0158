"""Where deliveries come from: one kind each, one file each. It is listed and read here, and nothing is judged.

`deliver` makes due deliveries appear, `listing` tells which are ready, `read` gives every row of one.
"""

from typing import Annotated

from pydantic import Field

from tasks.adapters.sources.api import Api
from tasks.adapters.sources.dataset import Dataset
from tasks.adapters.sources.delta import Delta
from tasks.adapters.sources.files import Listing
from tasks.adapters.sources.folder import Folder
from tasks.adapters.sources.http import Http
from tasks.adapters.sources.labels import ColumnLabels, FolderLabels, Labels
from tasks.adapters.sources.sample import Sample
from tasks.adapters.sources.sql import Sql

__all__ = [
    "Api",
    "ColumnLabels",
    "Dataset",
    "Delta",
    "Folder",
    "FolderLabels",
    "Http",
    "Labels",
    "Listing",
    "Sample",
    "Source",
    "Sql",
]

Source = Annotated[Folder | Sample | Sql | Delta | Http | Api | Dataset, Field(discriminator="kind")]
