"""Where predictions go beside the store: one kind each, one file each. What was delivered stands in the store.

`deliver` takes the predictions of one batch and may be repeated: what stands there afterwards is the same.
"""

from typing import Annotated

from pydantic import Field

from tasks.adapters.outputs.files import Files
from tasks.adapters.outputs.sql_table import SqlTable

__all__ = ["Files", "Output", "SqlTable"]

Output = Annotated[Files | SqlTable, Field(discriminator="kind")]
