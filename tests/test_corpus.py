"""What the tracker's corpus is planned from."""

import pytest
from nmfamt.templates.corpus import plan_performances

from nmfamt.exceptions import NmfamtError


def test_a_folder_without_performances_is_told(tmp_path):
    with pytest.raises(NmfamtError, match=r"There are no performances in .*give their folder with --midi"):
        plan_performances(tmp_path, ["fluidr3"])
