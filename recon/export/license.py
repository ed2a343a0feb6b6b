"""The LICENSE of a package: what its maker chose, never what a program guessed."""

from pathlib import Path

_DEEDS = {
    "CC0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/legalcode",
    "CC-BY-4.0": "https://creativecommons.org/licenses/by/4.0/legalcode",
    "CC-BY-SA-4.0": "https://creativecommons.org/licenses/by-sa/4.0/legalcode",
    "CC-BY-NC-4.0": "https://creativecommons.org/licenses/by-nc/4.0/legalcode",
    "CC-BY-NC-SA-4.0": "https://creativecommons.org/licenses/by-nc-sa/4.0/legalcode",
}


def write_license(path: Path, *, license: str | None, holder: str | None) -> None:
    """State the SPDX identifier `license` and where its text stands; without one, that no use is granted."""
    lines = [f"Copyright: {holder}"] if holder else []
    if license is None:
        lines.append("No licence has been given for this captured place: all rights are reserved by who captured it.")
        lines.append("To choose one, export it again with export.license set (CC-BY-4.0, for example).")
    else:
        lines.append(f"SPDX-License-Identifier: {license}")
        if license in _DEEDS:
            lines.append(f"Text: {_DEEDS[license]}")
    path.write_text("\n".join(lines) + "\n")
