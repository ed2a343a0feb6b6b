"""The parts of the report that are numbers and curves; None (or "") where what they tell of has not run."""

from collections.abc import Mapping
from html import escape
from typing import Any

from recon.show.report.charts import line_chart
from recon.show.report.page import flat, table, text, tiles
from recon.show.report.world_section import is_scale_known
from recon.workspace import Workspace, read_json, read_metrics, stage_warnings
from recon.workspace.reading import is_file, read_text


def headline(workspace: Workspace) -> str:
    """The numbers one looks for first, as far as they are known."""
    metrics = read_metrics(workspace)

    def get(section: str, key: str) -> Any:
        return metrics.get(section, {}).get(key)

    loads, drop_error = get("world", "loads") or {}, (get("world", "drop") or {}).get("p95_mm")
    tried = [name for name, fine in loads.items() if fine is not None]
    loaded = [name for name in tried if loads[name]]
    evidence = get("mesh", "evidence_fractions")
    unseen = None if not evidence else sum(float(evidence.get(key) or 0.0) for key in ("filled", "invented"))
    unsure = "" if is_scale_known(metrics) else " (scale unknown: its size is assumed)"
    items = [
        (f"{text(get('poses', 'registered'))} of {text(get('poses', 'total'))}", "frames posed", get("poses", "total")),
        (f"{text(get('poses', 'reprojection_error_px'))} px", "reprojection error", get("poses", "reprojection_error_px")),
        (f"{get('eval', 'psnr') or 0:.2f} dB", "PSNR of held-out views", get("eval", "psnr")),
        (f"{get('eval', 'ssim') or 0:.3f}", "SSIM of held-out views", get("eval", "ssim")),
        (text(get("mesh", "faces")), "mesh faces", get("mesh", "faces")),
        (f"{1 - unseen:.0%}" if unseen is not None else "", "of the mesh's surface was seen by a picture", unseen),
        (f"{len(loaded)} of {len(tried)}", f"simulators load it: {', '.join(loaded) or 'none'}", tried or None),
        (f"{drop_error or 0:.0f} mm", f"from the surface: 19 of 20 dropped spheres{unsure}", drop_error),
    ]  # fmt: skip
    return tiles((value, label) for value, label, known in items if known is not None)


def warnings_box(workspace: Workspace) -> str:
    """Every warning of every stage."""
    lines = [
        f"<li><b>{escape(stage)}</b>: {escape(str(warning))}</li>"
        for stage, warnings in stage_warnings(workspace).items()
        for warning in warnings
    ]
    return f"<div class=warnings><b>Warnings</b><ul>{''.join(lines)}</ul></div>" if lines else ""


def training(workspace: Workspace) -> str | None:
    """Loss and PSNR over the steps, from field/curve.json."""
    file = workspace.field / "curve.json"
    if not file.exists():
        return None
    curve = read_json(file, made_by="python scripts/train.py")
    steps = curve.get("steps") or []
    loss = list(zip(steps, curve.get("loss") or [], strict=False))
    psnr = {
        "training": list(zip(steps, curve.get("psnr_train") or [], strict=False)),
        "held out": [tuple(pair) for pair in curve.get("psnr_held_out") or [] if len(pair) == 2],
    }
    charts = [line_chart("loss (log scale)", {"loss": loss}, log=True), line_chart("PSNR, dB", psnr)]
    seconds = [value for value in curve.get("seconds") or [] if isinstance(value, (int, float))]
    note = (
        f"<p class=soft>{text(int(steps[-1]))} steps in {text(float(seconds[-1]))} s.</p>" if steps and seconds else ""
    )
    return f"<div class='grid two'>{''.join(f'<div class=card>{c}</div>' for c in charts if c)}</div>{note}"


def truth(workspace: Workspace) -> str | None:
    """Scores against exact truth; only where there is any."""
    values = read_metrics(workspace).get("truth")
    return table(flat(values)) if values else None


def numbers(workspace: Workspace) -> str | None:
    """Everything in metrics.json but the scores per image, which stand with the pictures."""
    cards = [
        f"<div class=card><b>{escape(name)}</b>{table(flat(values))}</div>"
        for name, values in read_metrics(workspace).items()
        if isinstance(values, Mapping)
    ]
    return f"<div class='grid two'>{''.join(cards)}</div>" if cards else None


def settings(workspace: Workspace) -> str | None:
    """The resolved configuration."""
    if not is_file(workspace.config):
        return None
    content = read_text(workspace.config).encode("utf-8", "replace").decode()
    return f"<details><summary>config.yaml</summary><pre>{escape(content)}</pre></details>"
