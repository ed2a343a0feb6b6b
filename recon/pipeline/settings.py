"""The whole configuration as one value: what `conf/config.yaml` composes, read and checked before anything is done."""

from dataclasses import dataclass
from typing import Annotated, Any

from recon import kernels
from recon.capture.settings import CaptureSettings
from recon.export.settings import ExportSettings
from recon.field.kinds import KINDS
from recon.matching.settings import MatchingSettings
from recon.mesh.settings import CompareSettings, MeshSettings
from recon.poses.given.settings import DatasetSettings
from recon.poses.sfm.settings import PoseSettings
from recon.poses.world_frame.scale.settings import ScaleSettings
from recon.score.settings import EvaluateSettings
from recon.show.novel_views.settings import ViewsSettings, check_path
from recon.show.viewer.settings import ViewSettings
from recon.train.settings import TrainSettings
from recon.workspace.errors import UserError
from recon.workspace.settings import between, chosen_by, written


@dataclass(frozen=True)
class Settings:
    """One attribute a key of conf/config.yaml: `read_settings(Settings, "", composed)`."""

    workspace: str
    seed: Annotated[int, between(0, 2**32 - 1)]
    device: Annotated[str, written(r"auto|cpu|cuda(:[0-9]{1,3})?", "auto, cpu, cuda or cuda:1")]
    backend: str
    threads: Annotated[int, between(1, 4096)] | None
    path: str
    truth: str | None

    capture: CaptureSettings
    dataset: DatasetSettings
    poses: PoseSettings
    scale: ScaleSettings
    matching: MatchingSettings
    field: Annotated[
        Any, chosen_by("kind", lambda: {name: kind.settings for name, kind in KINDS.items()})
    ]  # FieldSettings
    train: TrainSettings
    evaluate: EvaluateSettings
    views: ViewsSettings
    mesh: MeshSettings
    export: ExportSettings
    compare: CompareSettings
    view: ViewSettings

    def __post_init__(self) -> None:
        if self.backend not in ("auto", *kernels.BACKENDS):
            raise UserError(f"backend={self.backend}: expected one of auto, {', '.join(kernels.BACKENDS)}")
        check_path(self.path)
