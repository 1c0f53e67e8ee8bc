"""What ``cuepoint shadow`` says before it needs a broker."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.cli import main


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "A shadow needs campaigns; name their directory with --campaigns."),
        (["--campaigns", "nowhere"], "nowhere is not a directory; name the one that holds campaign and brand files."),
        (["--campaigns", "next", "report"], "--campaigns goes with cuepoint shadow itself, not with report."),
        (["report", "--page", "nowhere/p.html"], "nowhere is not a directory; create it, or name another place with"),
    ],
)
def test_what_cannot_be_done_is_said_at_once(arguments: list[str], sentence: str, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        done = CliRunner().invoke(main, ["shadow", *arguments])
    assert done.exit_code == 2
    assert sentence in done.output
