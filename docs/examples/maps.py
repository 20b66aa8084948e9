"""What the examples share: cells of a cross drawn as rectangles, and what a model's cells add up to."""

import numpy as np

PLACE = ["latitude", "longitude"]


def weights_of(model):
    """The cells of a fitted pipeline (columns, model): the cross, ids of its cells with a weight, and the weights.

    The cross is the first block of the columns, so its ids are those of the model.
    """
    cross, coef = model[0].named_transformers_["place"], model[-1].sparse_coef_
    kept = coef.indices < cross.n_features_out_
    return cross, coef.indices[kept], coef.data[kept]


def level_of(cross, ids):
    """Which of several widths each cell is of."""
    stops = [block.stop for block in cross.blocks_]
    return np.searchsorted(stops, ids, side="right")


def draw_cells(ax, bounds, values, **options):
    """Draw cells, coloured by value, fine ones over coarse ones; returns what a colour bar needs."""
    from matplotlib.collections import PolyCollection

    (south, north), (west, east) = (bounds[name].T for name in PLACE)
    corners = np.stack([[west, south], [east, south], [east, north], [west, north]]).transpose(2, 0, 1)
    order = np.argsort(south - north, kind="stable")  # the widest first
    cells = PolyCollection(corners[order], array=np.asarray(values)[order], linewidths=0, **options)
    return ax.add_collection(cells)


def as_map(ax, latitude, longitude, title):
    """Frame a piece of the globe, a mile as wide as it is high."""
    ax.set(xlim=longitude, ylim=latitude, title=title, xlabel="longitude", ylabel="latitude")
    ax.set_aspect(1.0 / np.cos(np.radians(np.mean(latitude))))


def save(figure, folder, name):
    """Save a picture that is small enough to be kept with the sources."""
    from io import BytesIO

    from PIL import Image

    folder.mkdir(exist_ok=True)
    buffer = BytesIO()
    figure.savefig(buffer, dpi=110)
    file = folder / f"{name}.png"
    Image.open(buffer).convert("RGB").quantize(96).save(file, optimize=True)
    print(f"{file.name}: {file.stat().st_size / 1000:.0f} kB")
