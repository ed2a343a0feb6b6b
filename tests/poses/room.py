"""A textured box room with exact truth: small pictures rendered by intersecting rays with its six walls."""

import json
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image

from recon.geometry import Camera, look_at, pixel_centers
from recon.geometry.panorama import directions_of_panorama
from recon.workspace import Workspace

HALF_SIZE = np.array([3.0, 2.0, 1.4])  # metres; the floor is at z = -1.4
UP = np.array([0.0, 0.0, 1.0])


def camera(size_hw: tuple[int, int] = (240, 320), distortion: float = 0.0) -> Camera:
    h, w = size_hw
    return Camera("OPENCV", size_hw, 0.9 * w, 0.9 * w, w / 2, h / 2, (distortion, 0.0, 0.0, 0.0))


def walk(n: int, roll_deg: float = 0.0) -> list[np.ndarray]:
    """Poses of a walk along one side of the room looking across it and a little down."""
    poses = []
    for i, s in enumerate(np.linspace(-1, 1, n)):
        eye = np.array([1.6 * s, -1.2 + 0.15 * np.cos(3 * s), 0.15 * np.sin(5 * s)])
        pose = look_at(eye, np.array([0.5 * s, 1.6, -0.8]), UP)
        angle = np.radians(roll_deg) * (-1) ** i
        roll = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
        pose[:3, :3] = pose[:3, :3] @ roll
        poses.append(pose)
    return poses


def textures(seed: int, size: int = 1024) -> list[np.ndarray]:
    """One picture a wall: noise at many scales, so that features are found near and far."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(6):
        layers = [
            cv2.resize(rng.uniform(0, 255, (size // s, size // s, 3)).astype(np.float32), (size, size)) / np.sqrt(k + 1)
            for k, s in enumerate((64, 32, 16, 8))
        ]
        total = np.sum(layers, axis=0)
        made.append(255 * (total - total.min()) / np.ptp(total))
    return made


def render(lens: Camera, world_from_camera: np.ndarray, walls: list[np.ndarray]) -> np.ndarray:
    """uint8 [h, w, 3], four rays per pixel."""
    fine = lens.resized((2 * lens.size_hw[0], 2 * lens.size_hw[1]))
    return _render(fine.unproject(pixel_centers(fine.size_hw).double()).numpy(), world_from_camera, walls)


def render_panorama(size_hw: tuple[int, int], world_from_camera: np.ndarray, walls: list[np.ndarray]) -> np.ndarray:
    """An equirectangular picture, uint8 [h, w, 3], four rays per pixel."""
    fine = (2 * size_hw[0], 2 * size_hw[1])
    return _render(directions_of_panorama(pixel_centers(fine).double(), fine).numpy(), world_from_camera, walls)


def _render(rays: np.ndarray, world_from_camera: np.ndarray, walls: list[np.ndarray]) -> np.ndarray:
    """The picture [h, w, 3] of unit rays [2h, 2w, 3] in the camera frame."""
    directions = rays @ world_from_camera[:3, :3].T
    eye = world_from_camera[:3, 3]
    safe = np.where(np.abs(directions) < 1e-12, 1e-12, directions)
    t = (np.sign(safe) * HALF_SIZE - eye) / safe
    axis = np.argmin(t, axis=-1)
    hits = eye + directions * t.min(-1, keepdims=True)
    image = np.zeros((*rays.shape[:2], 3), np.float32)
    for wall in range(6):
        a, side = wall // 2, 1 if wall % 2 else -1
        mask = (axis == a) & (np.sign(np.take_along_axis(safe, axis[..., None], -1)[..., 0]) == side)
        u, v = (hits[..., b] / 6.2 + 0.5 for b in range(3) if b != a)
        size = walls[wall].shape[0]
        colour = cv2.remap(
            walls[wall].astype(np.float32),
            (u * size).astype(np.float32),
            (v * size).astype(np.float32),
            cv2.INTER_LINEAR,
        )
        image[mask] = colour[mask]
    half = (rays.shape[1] // 2, rays.shape[0] // 2)
    return cv2.resize(image, half, interpolation=cv2.INTER_AREA).clip(0, 255).astype(np.uint8)


def write_frames(
    workspace: Workspace,
    images: list[np.ndarray],
    *,
    kind: str = "video",
    masks: list[np.ndarray] | None = None,
    **extra: object,
) -> None:
    """`frames/` as the capture stage leaves it; `masks` are bool [h, w], True where a picture counts."""
    workspace.frames.mkdir(parents=True)
    frames = []
    for i, image in enumerate(images):
        Image.fromarray(image).save(workspace.frames / f"{i:05d}.png")
        frames.append(
            {"name": f"{i:05d}", "image": f"{i:05d}.png", "source_index": i, "time_s": i / 5, "sharpness": 1.0}
            | {"kept": True, "mask": f"masks/{i:05d}.png" if masks else None}
        )
        if masks:
            (workspace.frames / "masks").mkdir(exist_ok=True)
            Image.fromarray(np.where(masks[i], 255, 0).astype(np.uint8)).save(workspace.frames / f"masks/{i:05d}.png")
    h, w = images[0].shape[:2]
    value = {"source": "room", "kind": kind, "shared_camera": True, "size_hw": [h, w], "focal_prior_px": None}
    workspace.frames_json.write_text(json.dumps({**value, "frames": frames, **extra}))


def film(workspace: Workspace, poses: list[np.ndarray], lens: Camera, **extra: object) -> None:
    """Render the room from `poses` into `frames/`."""
    torch.set_num_threads(1)
    walls = textures(0)
    write_frames(workspace, [render(lens, pose, walls) for pose in poses], **extra)


def photograph_panoramas(folder: Path, poses: list[np.ndarray], size_hw: tuple[int, int]) -> None:
    """Panoramas of the room as photos in `folder`, which do not say that they are ones."""
    torch.set_num_threads(1)
    walls = textures(0)
    folder.mkdir(parents=True)
    for i, pose in enumerate(poses):
        Image.fromarray(render_panorama(size_hw, pose, walls)).save(folder / f"{i:05d}.png")
