"""The methods that have a name."""

import re

import pytest

from nmfamt.exceptions import NmfamtError
from nmfamt.methods import DEFAULT, METHODS, find_method


def test_the_default_comes_first():
    assert next(iter(METHODS)) == DEFAULT


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_every_method_can_be_chosen_and_cited(method):
    assert METHODS[method.name] is find_method(method.name) is method
    assert all((method.title, method.summary, method.needs, method.equations, method.limits))
    years = re.findall(r"year\s*= {(\d{4})}", method.bibtex)
    assert years
    assert re.findall(r", (\d{4}),", method.citation) == years
    assert method.bibtex.count("{") == method.bibtex.count("}")
    for name in re.findall(r"author\s*= {(\w+),", method.bibtex):
        assert name in method.citation


def test_an_unknown_method():
    with pytest.raises(NmfamtError, match=r"no method 'magic': give one of nmf, threshold-nmf"):
        find_method("magic")
