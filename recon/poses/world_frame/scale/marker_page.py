"""A page to print: one marker of an exact size, with what to do with it written below."""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from recon.poses.world_frame.scale.marker_dictionaries import DICTIONARIES, dictionary
from recon.workspace import replace_file
from recon.workspace.errors import UserError

PAPERS_MM = {"a4": (210.0, 297.0), "a3": (297.0, 420.0), "letter": (215.9, 279.4)}
_MARGIN_MM = 10.0  # printers leave about 5 white
_RULER_MM = 100
_TEXT_MM = 45.0  # height of what stands below the marker


def write_marker_page(path: Path, name: str, marker: int, *, side_mm: float, paper: str, dpi: int) -> Path:
    """Write the page as .png (with its resolution) or .pdf.

    path: the file. name: of a dictionary; marker: id in it. side_mm: of the square. paper: a4, a3 or letter; dpi: dots per inch.
    """
    if path.suffix.lower() not in (".png", ".pdf"):
        raise UserError(f"{path}: a marker page is written as .png or .pdf.")
    page, _ = draw_marker_page(name, marker, side_mm=side_mm, paper=paper, dpi=dpi)
    with replace_file(path) as temporary:
        if path.suffix.lower() == ".png":
            page.save(temporary, dpi=(dpi, dpi))
        else:
            page.convert("RGB").save(temporary, resolution=dpi, quality=100, subsampling=0)
    return path


def draw_marker_page(name: str, marker: int, *, side_mm: float, paper: str, dpi: int) -> tuple[Image.Image, int]:
    """The page (grey) and the side of the marker's black square in its pixels.

    name: dictionary; marker: id in it; side_mm: of the black square; paper: a4, a3 or letter.
    Raises `UserError` for what the dictionary or the paper does not hold.
    """
    _check(name, marker, side_mm, paper, dpi)
    width, height = (round(mm / 25.4 * dpi) for mm in PAPERS_MM[paper])
    side = round(side_mm / 25.4 * dpi)
    page = Image.new("L", (width, height), 255)
    left, top = (width - side) // 2, round(_quiet_mm(side_mm) / 25.4 * dpi)
    page.paste(Image.fromarray(_modules(name, marker, side)), (left, top))
    _write_text(page, top + side, [*_instructions(name, marker, side / dpi * 25.4)], dpi)
    return page, side


def _modules(name: str, marker: int, side: int) -> np.ndarray:
    """The marker, black frame included, uint8 [side, side]; edges on whole pixels."""
    known = dictionary(name)
    small = cv2.aruco.generateImageMarker(known, marker, known.markerSize + 2)
    return cv2.resize(small, (side, side), interpolation=cv2.INTER_NEAREST)


def _instructions(name: str, marker: int, side_mm: float) -> list[str]:
    return [
        f"{name}  id {marker}   black square {side_mm:.1f} mm",
        "Print at 100 %. Measure the black square, then set",
        f"scale.marker_m={side_mm / 1000:.4f} scale.marker_dictionary={name}",
        f"Keep the white border and the sheet flat. Line: {_RULER_MM} mm",
    ]


def _write_text(page: Image.Image, top: int, lines: list[str], dpi: int) -> None:
    """Lines of text and a ruler, from `top` pixels down plus a quiet zone."""
    draw = ImageDraw.Draw(page)
    margin, size = round(_MARGIN_MM / 25.4 * dpi), round(4.2 / 25.4 * dpi)
    font = ImageFont.load_default(size)
    y = min(top + 3 * margin, page.height - round(_TEXT_MM / 25.4 * dpi))
    for line in lines:
        draw.text((margin, y), line, fill=0, font=font)
        y += round(1.4 * size)
    ruler, tick = round(_RULER_MM / 25.4 * dpi), size // 2
    y += size
    draw.line((margin, y, margin + ruler, y), fill=0, width=max(1, dpi // 100))
    for x in (margin, margin + ruler):
        draw.line((x, y - tick, x, y + tick), fill=0, width=max(1, dpi // 100))


def _quiet_mm(side_mm: float) -> float:
    """White above the marker: a module of the coarsest grid, and the printer's margin."""
    return max(_MARGIN_MM, side_mm / 6)


def _check(name: str, marker: int, side_mm: float, paper: str, dpi: int) -> None:
    if name not in DICTIONARIES:
        raise UserError(f"dictionary {name}: expected one of {', '.join(DICTIONARIES)}.")
    if paper not in PAPERS_MM:
        raise UserError(f"paper {paper}: expected one of {', '.join(PAPERS_MM)}.")
    count = len(dictionary(name).bytesList)
    if not 0 <= marker < count:
        raise UserError(f"id {marker}: {name} holds the ids 0 to {count - 1}.")
    if not 72 <= dpi <= 1200:
        raise UserError(f"dpi {dpi}: expected 72 to 1200.")
    width_mm, height_mm = PAPERS_MM[paper]
    largest = min(width_mm - 2 * _MARGIN_MM, (height_mm - _TEXT_MM - _MARGIN_MM) * 6 / 8)
    if not side_mm >= 10:
        raise UserError(f"side {side_mm:g} mm: at least 10 mm are needed.")
    if side_mm > largest:
        raise UserError(f"side {side_mm:g} mm: at most {largest:.0f} mm fit on {paper}.")
