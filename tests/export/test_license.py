"""The licence of a package is one that other programs know, and its holder fits one line."""

from typing import Any

import pytest

from recon.export.settings import ExportSettings
from recon.workspace.errors import UserError
from tests.default_settings import default_settings


@pytest.mark.parametrize("license", [None, "CC-BY-4.0", "CC0-1.0", "MIT OR Apache-2.0", "LicenseRef-Ours"])
def test_licences_that_have_a_name_are_taken(license: str | None) -> None:
    assert (
        default_settings(ExportSettings, "export", license=license, license_holder="abc Ünal & Co.").license == license
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"license": "abc"}, "'abc': expected an SPDX identifier, as CC-BY-4.0"),
        ({"license": "MIT OR"}, "expected an SPDX identifier"),
        ({"license": "cc-by-4.0"}, "expected CC-BY-4.0, as SPDX writes it"),
        ({"license": ""}, "export.license=''"),
        ({"license_holder": "a\nb"}, "of one line"),
        ({"license_holder": "a\0b"}, "of one line"),
    ],
)
def test_others_are_refused_in_one_line(change: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError) as error:
        default_settings(ExportSettings, "export", **change)
    assert said in str(error.value) and "\n" not in str(error.value)
