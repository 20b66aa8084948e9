"""FeatureCross: buckets and categories of several columns, multiplied into one sparse block of any width."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from sparsereg.linear_model.validation import all_or_nothing, check_choice, check_flag, check_input_features
from sparsereg.preprocessing.blocks import Block, one_hot
from sparsereg.preprocessing.recipe import Recipe, lay_out
from sparsereg.preprocessing.table import Table

__all__ = ["FeatureCross"]

Array = np.ndarray

_MOST_NAMES = 1_000_000


class FeatureCross(TransformerMixin, BaseEstimator):
    r"""Put columns into buckets and cross them: one sparse 0/1 column per combination of buckets.

    Row i has a one in column ``start + ((c_1 n_2 + c_2) n_3 + c_3) ...`` of the block of a cross, where :math:`c_k` is
    the bucket of its value in the k-th column of the cross and :math:`n_k` the number of buckets there. That number is
    computed and nothing is stored per output column, so there may be :math:`2^{62}` of them. Time and memory are
    O(rows x blocks), whatever their width.

    Parameters
    ----------
    crosses : list of tuple
        The columns to multiply with each other, by name (of a frame) or position: ``[("latitude", "longitude")]``. Two,
        three or more to a tuple; a tuple of one stands for its main effect. A column in none of `width`, `edges` and
        `quantiles` is taken as it is: each value that occurs in ``fit`` is a category.
    width : dict, default=None
        Column -> width of its buckets, in its units; edges are multiples of the width. A list of widths makes a cross
        at each of them: ``{"latitude": [1, 1/6, 1/60], "longitude": [1, 1/6, 1/60]}`` is three crosses, from coarse to
        fine. Columns of one cross have equally many widths, or one.
    edges : dict, default=None
        Column -> ascending edges of its buckets, one more than buckets; the outer two may be infinite.
    quantiles : dict, default=None
        Column -> number of buckets that hold equally many values, or a list of such numbers, as with `width`. There
        are fewer where values repeat so often that quantiles coincide.
    range : dict, default=None
        Column with a `width` -> (low, high), where buckets begin and end; (high - low) / width of them, rounded up.
        Without it, the buckets reach from the smallest to the largest value in ``fit``.
    main_effects : bool, default=True
        Whether the single columns have blocks of their own, before the crosses.
    outside : {"clip", "ignore", "error"}, default="clip"
        What to do with a number beyond the first or last bucket. "clip": it counts as in that bucket. "ignore": the
        row has no entry in the blocks that involve that column; its other blocks are as usual. "error": ValueError. A
        category that did not occur in ``fit`` has no nearest bucket: "clip" ignores it, too.
    missing : {"ignore", "bucket", "error"}, default="ignore"
        What to do with NaN, None, NaT and NA. "ignore": no entry in the blocks that involve that column. "bucket": each
        column has one more bucket, its last, for missing values, whether ``fit`` saw any or not. "error": ValueError.
    dtype : {"float64", "float32"}, default="float64"
        Type of the ones; float32 halves what they take, and a model fitted to them is a float32 model.

    Attributes
    ----------
    blocks_ : list of Block
        What the output consists of: each has ``columns``, ``shape`` (buckets of each column), ``start`` and ``stop``
        (its output columns), and ``levels`` (which of several widths).
    n_features_out_ : int
        Number of output columns.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as above, a bucketed column holds infinity or what is no number, or there would be more
        than 2**62 output columns.

    Notes
    -----
    A bucket from `width` or `edges` holds its lower edge and not its upper one; the last bucket of `edges`,
    `quantiles` and of a `range` holds both. Edges are computed in double precision as ``low + k * width``, and the
    buckets are exactly those that `bounds` returns; without a range, as ``k * width``.

    A column of numbers for which `width`, `edges` and `quantiles` say nothing has a category for each distinct value,
    which is what whole numbers such as zip codes need and measurements do not.

    The output has int32 indices unless there are 2**31 columns or entries. It is a csr_array, or a csr_matrix if X is
    a sparse matrix (not array). Zeros of a sparse X are values like any other.

    References
    ----------
    Cheng et al., "Wide & Deep Learning for Recommender Systems", 2016, for crosses in sparse linear models.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsereg.preprocessing import FeatureCross
    >>> X = np.array([[51.507, -0.128], [48.857, 2.352], [-33.868, 151.209]])
    >>> minutes = {0: 1 / 60, 1: 1 / 60}
    >>> cross = FeatureCross([(0, 1)], width=minutes, range={0: (-90, 90), 1: (-180, 180)}).fit(X)
    >>> Z = cross.transform(X)
    >>> Z.shape, Z.nnz
    ((3, 233312400), 9)
    >>> print(*cross.describe(Z[[0]].indices), sep="\n")
    x0 51.50..51.52
    x1 -0.13..-0.12
    x0 51.50..51.52 x x1 -0.13..-0.12
    >>> cross.bounds(Z[[2]].indices[-1:])[1].round(3)
    array([[151.2  , 151.217]])
    """

    def __init__(
        self,
        crosses: Sequence[tuple[Any, ...]],
        *,
        width: Mapping[Any, Any] | None = None,
        edges: Mapping[Any, Any] | None = None,
        quantiles: Mapping[Any, Any] | None = None,
        range: Mapping[Any, Any] | None = None,
        main_effects: bool = True,
        outside: str = "clip",
        missing: str = "ignore",
        dtype: Any = "float64",
    ):
        self.crosses = crosses
        self.width = width
        self.edges = edges
        self.quantiles = quantiles
        self.range = range
        self.main_effects = main_effects
        self.outside = outside
        self.missing = missing
        self.dtype = dtype

    def fit(self, X: Any, y: Any = None) -> FeatureCross:
        """Learn the buckets: ranges, quantiles and categories.

        Parameters
        ----------
        X : {array-like, frame, sparse matrix} of shape (n_samples, n_features)
        y : None, default=None
            Ignored.

        Returns
        -------
        self
        """
        with all_or_nothing(self):
            check_flag("main_effects", self.main_effects)
            check_choice("outside", self.outside, ("clip", "ignore", "error"))
            check_choice("missing", self.missing, ("ignore", "bucket", "error"))
            if self.dtype not in ("float64", "float32", np.float64, np.float32):
                raise ValueError(f"dtype must be 'float64' or 'float32'; got {self.dtype!r}")
            table = Table(self, X, reset=True)
            recipe = Recipe(self.get_params(deep=False), table)
            self._positions = recipe.positions
            self._buckets = {column: recipe.buckets(column, self.missing) for column in recipe.positions}
            spare = int(self.missing == "bucket")
            sizes = {column: [part.size + spare for part in levels] for column, levels in self._buckets.items()}
            self.blocks_ = lay_out(recipe.crosses, sizes, bool(self.main_effects))
            self.n_features_out_ = self.blocks_[-1].stop
            if "error" in (self.outside, self.missing):
                self._codes(table)
        return self

    def transform(self, X: Any) -> Any:
        """Return the blocks of all rows, side by side.

        Parameters
        ----------
        X : {array-like, frame, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        csr_array or csr_matrix of shape (n_samples, n_features_out_)
            Sorted, without duplicates.
        """
        check_is_fitted(self)
        table = Table(self, X, reset=False)
        codes = self._codes(table)
        ids = (
            block.encode([codes[factor] for factor in zip(block.columns, block.levels, strict=True)])
            for block in self.blocks_
        )
        container = sp.csr_matrix if sp.isspmatrix(X) else sp.csr_array
        return one_hot(ids, (table.n_rows, self.n_features_out_), len(self.blocks_), self.dtype, container)

    def _codes(self, table: Table) -> dict[tuple[Any, int], Array]:
        """Return the bucket of each row, per column and level."""
        codes = {}
        for column, levels in self._buckets.items():
            at = self._positions[column]
            values = table.numbers(at, column) if levels[0].ordered else table.values(at)
            for level, buckets in enumerate(levels):
                codes[column, level] = buckets.codes(values, self.outside, self.missing, column)
        return codes

    def describe(self, ids: Any) -> Any:
        """Return output columns in words.

        Parameters
        ----------
        ids : int or array-like of int
            Numbers of output columns, such as ``model.sparse_coef_.indices``.

        Returns
        -------
        str or list of str
            ``"latitude 51.50..51.52 x longitude -0.20..-0.18"``; edges are in the units of the columns, rounded to
            decimals that tell neighbours apart. The second of several widths adds ``" (level 1)"``, and so on.
        """
        check_is_fitted(self)
        numbers = self._check_ids(ids)
        texts = self._texts(numbers, check_input_features(self, None))
        return texts[0] if np.ndim(ids) == 0 else list(texts)

    def _texts(self, ids: Array, names: Any) -> Array:
        texts = np.empty(len(ids), dtype=object)
        for block, rows in self._by_block(ids):
            words = []
            for column, level, codes in zip(block.columns, block.levels, block.decode(ids[rows]), strict=True):
                at, buckets = self._positions[column], self._buckets[column][level]
                name = f"x{at}" if names is None else names[at]
                found, place = np.unique(codes, return_inverse=True)
                labels = ["missing" if code == buckets.size else buckets.label(code) for code in found.tolist()]
                words.append(np.array([f"{name} {label}" for label in labels], dtype=object)[place])
            suffix = f" (level {max(block.levels)})" if any(block.levels) else ""
            texts[rows] = [" x ".join(parts) + suffix for parts in zip(*words, strict=True)]
        return texts

    def bounds(self, ids: Any) -> dict[Any, Array]:
        """Return where the buckets of output columns begin and end, to draw maps with.

        Parameters
        ----------
        ids : int or array-like of int
            Numbers of output columns.

        Returns
        -------
        dict
            Column, as named in `crosses` -> array of shape (n_ids, 2), the lower and the upper edge; NaN in the rows of
            output columns that do not involve it, and for missing values. Columns of categories are left out.
        """
        check_is_fitted(self)
        numbers = self._check_ids(ids)
        bounds = {c: np.full((len(numbers), 2), np.nan) for c, levels in self._buckets.items() if levels[0].ordered}
        for block, rows in self._by_block(numbers):
            for column, level, codes in zip(block.columns, block.levels, block.decode(numbers[rows]), strict=True):
                buckets = self._buckets[column][level]
                if buckets.ordered:
                    known = codes < buckets.size
                    bounds[column][rows[known]] = buckets.bounds(codes[known])
        return bounds

    def _check_ids(self, ids: Any) -> Array:
        numbers = np.atleast_1d(np.asarray(ids))
        if numbers.ndim != 1 or (numbers.dtype.kind not in "iu" and numbers.size):
            raise TypeError(f"ids must be an integer or a one-dimensional array of integers; got {ids!r}")
        if numbers.size and not 0 <= int(numbers.min()) <= int(numbers.max()) < self.n_features_out_:
            raise ValueError(
                f"ids must be output columns, 0 to {self.n_features_out_ - 1}; got {numbers.min()} to {numbers.max()}"
            )
        return numbers.astype(np.int64)

    def _by_block(self, ids: Array) -> Iterator[tuple[Block, Array]]:
        """Yield each block that has some of the ids, and which."""
        stops = np.array([block.stop for block in self.blocks_])
        home = np.searchsorted(stops, ids, side="right")
        for number in np.unique(home):
            yield self.blocks_[number], np.flatnonzero(home == number)

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """Return the names of all output columns, where there are at most a million; `describe` names any.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the columns of X; by default those seen in ``fit``, or ``x0``, ``x1``, ...

        Returns
        -------
        ndarray of str objects
        """
        check_is_fitted(self)
        names = check_input_features(self, input_features)
        if self.n_features_out_ > _MOST_NAMES:
            raise ValueError(
                f"the names of {self.n_features_out_:,} columns would fill the memory; describe(ids) has those "
                "that you need: describe(model.sparse_coef_.indices), or describe(selector.get_support(indices=True))"
            )
        return self._texts(np.arange(self.n_features_out_), names)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.input_tags.allow_nan = self.missing != "error"
        tags.transformer_tags.preserves_dtype = []
        return tags
