"""How a command ends, called in this process."""

from __future__ import annotations

import pytest

from connector.cli.main import main


def ended(*words: str) -> int:
    """The exit code of a command; what it prints is for `capsys`."""
    with pytest.raises(SystemExit) as end:
        main(list(words))
    assert isinstance(end.value.code, int)
    return end.value.code
