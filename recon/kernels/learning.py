"""What a training step takes: the field's parameters, what rays should see, what is minimised, and how far Adam goes."""

from dataclasses import dataclass

from torch import Tensor

from recon.geometry.bounds import contract
from recon.kernels.layout import HashLayout


@dataclass(frozen=True)
class FieldTensors:
    """The parameters of a radiance field (recon.field), or their gradients, for the fused kernels.

    `density_layers` [width, n_encoded] and [16, width]; `color_layers` [width, 32], [width, width] and [3, width].
    """

    layout: HashLayout
    table: Tensor  # [n_rows, n_features]
    density_layers: tuple[Tensor, Tensor]
    color_layers: tuple[Tensor, Tensor, Tensor]
    is_contracted: bool

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        return (self.table, *self.density_layers, *self.color_layers)


@dataclass(frozen=True)
class LossSettings:
    """What is minimised over a batch of rays, and how its gradient is dampened near the cameras.

    Mean over channels of huber(error, delta) / delta, plus `opacity_loss` times the mean over rays of the binary entropy of
    the opacity, plus `distortion_loss` times the mean over rays of the distortion (see `recon.train.gradients`), plus
    `depth_loss` times the mean over rays of |t - d| / d, where the distance d is known and the ray's `median_distance` t exists
    (0 elsewhere). Gradients of samples nearer than `near_scale` shrink by (t / near_scale)^2; 0: none do.
    """

    huber_delta: float
    opacity_loss: float
    distortion_loss: float
    depth_loss: float
    near_scale: float


def unit_cube(positions: Tensor, *, is_contracted: bool) -> Tensor:
    """Where positions [n, 3] in scene units lie in the unit cube of the hash table: [n, 3]."""
    return (contract(positions) + 2) / 4 if is_contracted else (positions + 1) / 2


@dataclass(frozen=True)
class RayTargets:
    """What n rays should see."""

    colors: Tensor  # [n, 3] in [0, 1]
    backgrounds: Tensor  # [n, 3] behind everything; gets a gradient where it wants one
    known_distances: Tensor | None = None  # [n] of the surface along each ray, scene units; 0 where unknown

    def __post_init__(self) -> None:
        assert self.colors.shape == self.backgrounds.shape and self.colors.shape[-1] == 3
        assert self.known_distances is None or len(self.known_distances) == len(self.colors)


@dataclass(frozen=True)
class AdamStep:
    """The numbers of one Adam step (Kingma and Ba 2015, algorithm 1)."""

    learning_rate: float
    betas: tuple[float, float]  # how much of the mean and of the square stays from step to step
    epsilon: float  # keeps the change finite where the square is zero
    count: int  # which step this is, from 1
    decay: float = (
        0.0  # share that values lose first: learning rate times weight decay (Loshchilov and Hutter 2019, line 12)
    )
    on_device: Tensor | None = None  # [3] the `changing` numbers, for kernels that are recorded once and replayed

    @property
    def corrections(self) -> tuple[float, float]:
        """What mean and square are divided by, since both began at zero."""
        return 1 - self.betas[0] ** self.count, 1 - self.betas[1] ** self.count

    @property
    def changing(self) -> tuple[float, float, float]:
        """What is different at each step: the learning rate over the mean's correction, one over the root of the square's, and the
        share of a value that stays."""
        of_mean, of_square = self.corrections
        return self.learning_rate / of_mean, of_square**-0.5, 1 - self.decay
