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


@pytest.mark.parametrize("name", ["klapuri2006-iterative", "klapuri2006-joint"])
def test_departures_that_a_module_refers_to_are_listed(name):
    found = departures(METHODS[name])
    assert any(text.startswith("The paper looks for the maximum over all periods") for text in found)
    own = {
        "klapuri2006-iterative": "The partials in ``D`` have",
        "klapuri2006-joint": "Candidates are the best semitones",
    }
    assert any(text.startswith(own[name]) for text in found)


@pytest.mark.parametrize("name", ["wu2022", "cheng2016"])
def test_departures_of_learning_are_listed(name):
    assert any(text.startswith("The activation of an isolated note starts") for text in departures(METHODS[name]))


def test_hyper_parameters_in_a_class_of_their_own_are_listed():
    (found,) = (p for p in parameters(METHODS["klapuri2006-joint"]) if p.name == "alpha")
    assert (found.stage, found.value) == ("HarmonicSum", "52.0")
