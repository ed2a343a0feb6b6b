"""The settings of conf/view; what each means is told there."""

from dataclasses import dataclass
from typing import Annotated

from recon.workspace.settings import between


@dataclass(frozen=True)
class ViewSettings:
    """Where the viewer is served, and how fine it draws."""

    host: str
    port: Annotated[int, between(1, 65535)]
    max_size: Annotated[int, between(32, 16384)]
