"""Pieces of a self-contained HTML page: escaping, inline pictures, tables and the style. No external links."""

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

STYLE = """
:root { color-scheme: light dark; --bg:#fbfaf8; --card:#fff; --ink:#1d2127; --soft:#666d78; --line:#e3e1dc;
  --blue:#2563c9; --orange:#c2570c; --good:#1c7c45; --bad:#b3261e; --warn:#fff4dc; --warn-line:#e0b44c; }
@media (prefers-color-scheme: dark) { :root { --bg:#14161a; --card:#1c1f25; --ink:#e6e7ea; --soft:#989fab;
  --line:#30343c; --blue:#7aa7f7; --orange:#f29a55; --good:#67c48c; --bad:#f2857d; --warn:#33290f; --warn-line:#8a6a1f; } }
* { box-sizing: border-box }
body { margin:0; background:var(--bg); color:var(--ink); font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif }
main { max-width:1120px; margin:0 auto; padding:32px 20px 64px }
h1 { font-size:30px; line-height:1.2; margin:0; letter-spacing:-.01em; overflow-wrap:anywhere }
h2 { font-size:19px; margin:44px 0 12px; padding-top:14px; border-top:1px solid var(--line) }
p { margin:6px 0 } .soft, figcaption, .none { color:var(--soft) } .none { font-style:italic }
figure { margin:0; min-width:0 } figcaption { font-size:13px; margin-top:5px; overflow-wrap:anywhere }
img, svg { display:block; max-width:100%; height:auto } img { width:100%; border-radius:6px; background:var(--line) }
.hero { display:grid; grid-template-columns:1fr auto 1fr auto 1fr; gap:10px; align-items:center; margin:22px 0 }
.hero .arrow { color:var(--soft); font-size:24px } .hero img { aspect-ratio:4/3; object-fit:cover }
.hero .absent { aspect-ratio:4/3; display:grid; place-items:center; border:1px dashed var(--line); border-radius:6px }
.tiles { display:grid; grid-template-columns:repeat(auto-fit,minmax(150px,1fr)); gap:10px; margin:20px 0 }
.tile { background:var(--card); border:1px solid var(--line); border-radius:8px; padding:11px 14px }
.tile b { display:block; font-size:22px; font-weight:600; font-variant-numeric:tabular-nums; overflow-wrap:anywhere }
.tile span { font-size:13px; color:var(--soft) }
.grid { display:grid; gap:12px } .two { grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr)) }
.four { grid-template-columns:repeat(auto-fill,minmax(230px,1fr)) }
.sheet { grid-template-columns:repeat(auto-fill,minmax(104px,1fr)); gap:6px }
.sheet img { border-radius:4px } .sheet figcaption { font-size:11px; margin:1px 0 4px }
.card { background:var(--card); border:1px solid var(--line); border-radius:8px; padding:12px 14px }
.scroll { overflow-x:auto } table { border-collapse:collapse; font-size:14px; width:100% }
td, th { text-align:left; padding:4px 14px 4px 0; border-bottom:1px solid var(--line); vertical-align:top; overflow-wrap:anywhere }
th { font-weight:600 } td { font-variant-numeric:tabular-nums } td:first-child { color:var(--soft); white-space:nowrap }
.good { color:var(--good) } .bad { color:var(--bad) }
.warnings { background:var(--warn); border:1px solid var(--warn-line); border-radius:8px; padding:10px 14px; margin:16px 0 }
.warnings ul { margin:4px 0; padding-left:20px } details { margin:8px 0 } summary { cursor:pointer; color:var(--blue) }
pre { overflow-x:auto; background:var(--card); border:1px solid var(--line); border-radius:8px; padding:12px; font-size:12.5px }
svg text { font:12px system-ui,sans-serif; fill:var(--soft) } svg .axis { stroke:var(--line); fill:none }
svg .a { stroke:var(--blue) } svg .b { stroke:var(--orange) } svg .fa { fill:var(--blue) } svg .fb { fill:var(--orange) }
svg .points { stroke:var(--soft); stroke-width:2; stroke-linecap:round; opacity:.55; fill:none } svg .dim { fill:var(--line) }
svg .r { stroke:var(--bad) } svg .fr { fill:var(--bad) } svg .grey { fill:var(--soft) }
svg .ring { fill:var(--card); stroke-width:1.6 }
svg .lost { fill:none; stroke:var(--bad); stroke-width:1.4; stroke-dasharray:2 2 } svg .band { fill:var(--orange); opacity:.18 }
svg .hit { fill:transparent } svg .hit:hover { fill:var(--ink); opacity:.12 } svg .path { stroke:var(--ink); fill:none; opacity:.6 }
svg .h1 { fill:var(--blue); opacity:.16 } svg .h2 { fill:var(--blue); opacity:.34 } svg .h3 { fill:var(--blue); opacity:.54 }
svg .h4 { fill:var(--blue); opacity:.76 } svg .h5 { fill:var(--blue) } svg .h0 { fill:var(--bad); opacity:.7 }
.advice { list-style:none; margin:8px 0 14px; padding:0 } .advice li { padding:5px 0 5px 24px; position:relative }
.advice li::before { content:""; position:absolute; left:3px; top:12px; width:10px; height:10px; border-radius:5px;
  background:var(--orange) }
.advice .problem::before { background:var(--bad) } .advice .good { color:inherit } .advice .good::before { background:var(--good) }
.key { display:inline-block; width:11px; height:11px; border-radius:3px; margin:0 5px 0 12px; vertical-align:-1px }
.failed { border:1px solid var(--bad); border-left-width:5px; border-radius:8px; padding:10px 14px; margin:12px 0 }
@media (max-width:640px) { .hero { grid-template-columns:1fr } .hero .arrow { transform:rotate(90deg); justify-self:center } }
"""


def document(title: str, body: str) -> str:
    """A whole page; `title` is escaped, `body` is HTML."""
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>\n'
        f"<body><main>\n{body}\n</main></body></html>\n"
    )


def section(title: str, body: str | None) -> str:
    """A headed section; None says that its stage has not run."""
    return f"<section><h2>{escape(title)}</h2>\n{body or '<p class=none>not run</p>'}</section>\n"


def image(pixels: NDArray[np.uint8], *, max_size: int, alt: str, quality: int = 82) -> str:
    """An inline JPEG of [h, w, 3] (transparency is dropped), its longer side at most `max_size`."""
    picture = Image.fromarray(np.ascontiguousarray(pixels[..., :3]))
    picture.thumbnail((max_size, max_size), Image.Resampling.LANCZOS)  # a page has dozens, and the eye asks for no more
    jpeg = io.BytesIO()
    picture.save(jpeg, "JPEG", quality=quality, optimize=True)
    data = base64.b64encode(jpeg.getvalue()).decode()
    return f'<img src="data:image/jpeg;base64,{data}" alt="{escape(alt)}" width="{picture.width}" height="{picture.height}">'


def figure(content: str, caption: str) -> str:
    """`content` is HTML, `caption` text."""
    return f"<figure>{content}<figcaption>{escape(caption)}</figcaption></figure>"


def tiles(items: Iterable[tuple[str, str]]) -> str:
    """Headline numbers: (value, label)."""
    return (
        "<div class=tiles>"
        + "".join(f"<div class=tile><b>{escape(value)}</b><span>{escape(label)}</span></div>" for value, label in items)
        + "</div>"
    )


def table(rows: Iterable[Sequence[Any]], head: Sequence[str] = ()) -> str:
    """A table of values, each written by `text`."""
    header = f"<tr>{''.join(f'<th>{escape(name)}</th>' for name in head)}</tr>" if head else ""
    lines = ("<tr>" + "".join(f"<td>{_cell(value)}</td>" for value in row) + "</tr>" for row in rows)
    return f"<div class=scroll><table>{header}{''.join(lines)}</table></div>"


def flat(values: Mapping[str, Any], prefix: str = "") -> list[list[Any]]:
    """Nested numbers as rows [dotted name, value]; scores per image are left out."""
    rows: list[list[Any]] = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            rows += [] if name == "per_image" else flat(value, f"{prefix}{name}.")
        elif not (isinstance(value, list) and value and isinstance(value[0], (Mapping, list))):
            rows.append([f"{prefix}{name}", value])
    return rows


def text(value: Any) -> str:
    """A value as a person writes it: four significant digits, yes and no, a dash for nothing."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"
    if isinstance(value, list):
        return ", ".join(text(item) for item in value[:12]) + (" …" if len(value) > 12 else "")
    return str(value)


def _cell(value: Any) -> str:
    mark = {True: " class=good", False: " class=bad"}.get(value, "") if isinstance(value, bool) else ""
    return f"<span{mark}>{escape(text(value))}</span>"
