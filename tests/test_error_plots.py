"""The page of errors: what stands on it, that it can be made from anything, and that it is the same every time."""

import subprocess
import sys

import numpy as np
import pytest

from nmfamt.error_plots import plot_errors
from nmfamt.evaluation import classify_errors
from nmfamt.exceptions import NmfamtError
from nmfamt.notes import Notes

pytest.importorskip("matplotlib")


def random_notes(seed, n_notes=300):
    rng = np.random.default_rng(seed)
    onsets = rng.uniform(0, 60, n_notes)
    intervals = np.stack([onsets, onsets + rng.uniform(0.03, 1.5, n_notes)], axis=1)
    return Notes(intervals, rng.integers(55, 80, n_notes), velocities=rng.integers(1, 128, n_notes))


@pytest.fixture(scope="module")
def errors():
    return classify_errors(random_notes(0), random_notes(1))


@pytest.mark.parametrize(("suffix", "magic"), [(".pdf", b"%PDF"), (".PNG", b"\x89PNG")])
def test_the_same_bytes_twice(tmp_path, errors, suffix, magic):
    one, two = tmp_path / f"one{suffix}", tmp_path / f"two{suffix}"
    plot_errors(errors, one, title="a method on a set")
    plot_errors(errors, two, title="a method on a set")
    assert one.read_bytes() == two.read_bytes()
    assert one.read_bytes().startswith(magic)
    assert b"CreationDate" not in one.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [one.name, two.name]


def test_another_style_is_another_affair(tmp_path, errors):
    import matplotlib as mpl

    plot_errors(errors, tmp_path / "one.png")
    with mpl.rc_context({"axes.facecolor": "black", "font.size": 30, "text.usetex": True}):
        plot_errors(errors, tmp_path / "two.png")
        assert mpl.rcParams["font.size"] == 30
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


def drawn(monkeypatch, tmp_path, errors, **options):
    """The figure that is drawn."""
    from matplotlib.figure import Figure

    figures = []
    save = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda figure, *a, **k: (figures.append(figure), save(figure, *a, **k)))
    plot_errors(errors, tmp_path / "page.png", **options)
    return figures[0]


def test_what_is_drawn(monkeypatch, tmp_path, errors):
    figure = drawn(monkeypatch, tmp_path, errors, title="A title, $5")
    axes = {panel.get_title(loc="left"): panel for panel in figure.axes}
    missed, extra = sum(errors.missed.values()), sum(errors.extra.values())
    widths = [bar.get_width() for bar in axes[f"Missed notes: {missed}"].patches]
    assert widths == list(errors.missed.values())
    assert [bar.get_width() for bar in axes[f"Extra notes: {extra}"].patches] == list(errors.extra.values())
    polyphony = errors.reference["polyphony"]
    heights = np.array([bar.get_height() for bar in axes["by polyphony"].patches]).reshape(3, -1).sum(axis=0)
    used = polyphony.sum(axis=0) > 0
    np.testing.assert_allclose(heights, 100 * polyphony[1:, used].sum(axis=0) / polyphony[:, used].sum(axis=0))
    lags = [bar.get_height() for bar in axes["onsets of notes found"].patches]
    assert lags == errors.onset_lags.tolist()
    assert axes["onsets of notes found"].get_xlim() == (-50, 50)
    assert axes["onsets, late and early"].get_xlim() == (-500, 500)
    texts = [text.get_text() for text in figure.texts]
    assert f"{errors.n_found} of 300 notes were found ({errors.n_found / 3:.0f} %)" in texts[1]


@pytest.mark.parametrize("which", ["nothing", "all missed", "all extra", "all right", "one note"])
def test_extremes(monkeypatch, tmp_path, which):
    played, nothing, one = random_notes(0), Notes.empty(), Notes([[0, 1]], [60])
    pair = {
        "nothing": (nothing, nothing),
        "all missed": (played, nothing),
        "all extra": (nothing, played),
        "all right": (played, played),
        "one note": (one, one),
    }[which]
    drawn(monkeypatch, tmp_path, classify_errors(*pair))


def test_nothing_leaves_the_page(monkeypatch, tmp_path, errors):
    figure = drawn(monkeypatch, tmp_path, errors, title="A Method of a Long Name, on a Data Set, $5, " * 3)
    renderer = figure.canvas.get_renderer()
    box = figure.get_tightbbox(renderer)
    width, height = figure.get_size_inches()
    assert box.x0 > 0
    assert box.y0 > 0
    assert box.x1 < width
    assert box.y1 < height


def test_messages(monkeypatch, tmp_path, errors):
    with pytest.raises(NmfamtError, match=r"ends in '.svg': a page of plots is a .pdf or a .png"):
        plot_errors(errors, tmp_path / "page.svg")
    plot_errors(errors, tmp_path / "page.png")
    with pytest.raises(NmfamtError, match="exists already"):
        plot_errors(errors, tmp_path / "page.png")
    plot_errors(errors, tmp_path / "page.png", overwrite=True)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(NmfamtError, match=r'Plots need matplotlib, .* pip install "nmfamt\[plot\]"'):
        plot_errors(errors, tmp_path / "other.png")
    assert [path.name for path in tmp_path.iterdir()] == ["page.png"]


def test_matplotlib_is_imported_only_for_a_page():
    program = "import sys, nmfamt.error_plots; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
