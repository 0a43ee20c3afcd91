"""What is printed about a method is read off what does the work."""

import pytest

from nmfamt.methods import METHODS
from nmfamt.methods.description import departures, parameters, stages
from nmfamt.tracking import Threshold


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_every_parameter_is_described(method):
    found = parameters(method)
    assert {parameter.stage for parameter in found} >= {type(stages(method)[-1]).__name__}
    assert all(parameter.text.endswith(".") for parameter in found)
    assert len({(parameter.stage, parameter.name) for parameter in found}) == len(found)


def test_values_are_those_of_the_stages():
    (found,) = (p for p in parameters(METHODS["threshold-nmf"]) if p.name == "min_duration")
    assert (found.stage, found.value) == ("Threshold", str(Threshold.min_duration))
    assert found.text == "Shorter notes are dropped, in seconds."


def test_departures_are_the_items_of_the_list():
    found = departures(METHODS["nmf"])
    assert found[0].startswith("Emissions are not densities")
    assert found[-1].startswith("The probability of the onset")
    assert len(found) == 3
