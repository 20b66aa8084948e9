"""Groups from the names of one-hot columns: what OneHotEncoder and ColumnTransformer wrote, and what it cannot tell."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sparsereg.penalties.grouping import grouping_of
from sparsereg.penalties.onehot_names import features_of_names

# Names and categories with underscores, in the order in which a table of houses has them; each is a trap for some rule.
CATEGORIES = {
    "MS_Zoning": ["A_agr", "C_all", "Floating_Village", "Residential_High_Density", "Residential_Low_Density"],
    "MS_SubClass": ["Duplex_All_Styles", "One_Story_1945_and_Older", "One_Story_1946_and_Newer", "Split_Foyer"],
    "Street": ["Grvl", "Pave"],
    "Lot_Shape": ["Irregular", "Moderately_Irregular", "Regular"],
    "Lot_Config": ["Corner", "CulDSac", "Inside"],
    "Exterior_1st": ["BrkComm", "CBlock", "Stucco"],
    "Exterior_2nd": ["BrkComm", "CBlock", "Stucco"],
    "Heating": ["Floor", "GasA", "Wall"],
    "Heating_QC": ["Excellent", "Fair", "Good"],
    "Mas_Vnr_Type": ["BrkFace", "None", "Stone"],
    "Year_Sold": [2006, 2007, 2010],
}


def frame(features=CATEGORIES, n_samples=200):
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {name: rng.choice(np.array(CATEGORIES[name], dtype=object), size=n_samples) for name in features}
    )


def read(names):
    """Label of each feature to its columns, as `grouping_of` reads the names."""
    grouping = grouping_of("onehot", len(names), names)
    parts = np.split(np.asarray(names)[grouping.order], grouping.starts[1:-1])
    return {label: part.tolist() for label, part in zip(grouping.names, parts, strict=True)}


def columns_of_each(X, **options):
    """What is true: the names that each feature gets on its own."""
    return [OneHotEncoder(**options).fit(X[[name]]).get_feature_names_out().tolist() for name in X]


# --- What OneHotEncoder writes

OPTIONS = {
    "all": {},
    "first dropped": {"drop": "first"},
    "binary dropped": {"drop": "if_binary"},
    "infrequent": {"min_frequency": 50},
    "many infrequent": {"min_frequency": 68},
    "all infrequent but one": {"max_categories": 2},
}


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_columns_of_a_feature_stand_or_fall_together(options, seed):
    """In any order of the features."""
    X = frame(np.random.default_rng(seed).permutation(list(CATEGORIES)).tolist() if seed else CATEGORIES)
    names = OneHotEncoder(**options).fit(X).get_feature_names_out()
    expected = columns_of_each(X, **options)
    assert sum(expected, []) == names.tolist()
    assert list(read(names).values()) == [columns for columns in expected if columns]


def test_missing_values_come_last_and_end_nothing():
    X = pd.DataFrame({"zone": ["res_high", "res_low", np.nan, "agr"] * 2, "size": [1.5, np.nan, 2.0, 1.5] * 2})
    names = OneHotEncoder().fit(X).get_feature_names_out()
    assert [len(columns) for columns in read(names).values()] == [4, 3]
    none = X["zone"].astype(object).where(X["zone"].notna(), None).to_frame()
    names = OneHotEncoder().fit(none).get_feature_names_out()
    assert names[-1] == "zone_None"
    assert list(read(names)) == ["zone"]


def test_labels_are_the_names_of_the_features():
    names = OneHotEncoder().fit(frame()).get_feature_names_out()
    assert list(read(names)) == list(CATEGORIES)


def test_categories_in_an_order_of_the_users():
    """Only the default order is sorted; short categories may come in any."""
    quality = ["Poor", "Fair", "Typical", "Good", "Excellent"]
    X = pd.DataFrame({"Exter_Qual": quality, "Bsmt_Qual": quality})
    names = OneHotEncoder(categories=[quality, quality]).fit(X).get_feature_names_out()
    assert list(read(names)) == ["Exter_Qual", "Bsmt_Qual"]


# --- What ColumnTransformer writes


def houses():
    X = frame(["MS_Zoning", "Street", "Heating", "Heating_QC"])
    X["year_built"], X["year_sold"], X["lot_area"] = np.arange(3 * len(X)).reshape(3, -1)
    return X


@pytest.mark.parametrize("name", ["onehot", "OneHot", "one_hot", "my-one-hot-2"])
def test_only_transformers_called_onehot_are_read(name):
    X = houses()
    names = (
        ColumnTransformer(
            [("years", StandardScaler(), ["year_built", "year_sold"]), (name, OneHotEncoder(), list(X.columns[:4]))],
            remainder="passthrough",
        )
        .fit(X)
        .get_feature_names_out()
    )
    groups = read(names)
    expected = [[f"{name}__{column}" for column in columns] for columns in columns_of_each(X.iloc[:, :4])]
    assert list(groups.values()) == [["years__year_built"], ["years__year_sold"], *expected, ["remainder__lot_area"]]
    assert list(groups)[2:6] == [f"{name}__{feature}" for feature in X.columns[:4]]


def test_the_name_that_make_column_transformer_gives():
    X = houses()
    transformer = make_column_transformer((OneHotEncoder(), ["Street"]), (OneHotEncoder(), ["Heating"]))
    assert list(read(transformer.fit(X).get_feature_names_out())) == [
        "onehotencoder-1__Street",
        "onehotencoder-2__Heating",
    ]


def test_a_transformer_of_the_name_of_the_feature_is_exact():
    X = pd.DataFrame({"colour": ["dark_blue", "dark_red", "light_blue", "light_red"], "year": [1, 2, 3, 4]})
    assert list(read(OneHotEncoder().fit(X[["colour"]]).get_feature_names_out())) == ["colour_dark", "colour_light"]
    transformer = ColumnTransformer([("colour", OneHotEncoder(), ["colour"])], remainder="passthrough").fit(X)
    assert [len(columns) for columns in read(transformer.get_feature_names_out()).values()] == [4, 1]


def test_names_without_transformers_are_all_read():
    """So numeric columns must have names that do not look like ``feature_category``."""
    X = houses().rename(columns={"lot_area": "area"})
    transformer = ColumnTransformer(
        [("cat", OneHotEncoder(), ["Street"])], remainder="passthrough", verbose_feature_names_out=False
    )
    names = transformer.fit(X[["Street", "area", "year_built", "year_sold"]]).get_feature_names_out()
    assert [len(columns) for columns in read(names).values()] == [2, 1, 2]


def test_categories_with_two_underscores():
    X = pd.DataFrame({"a": ["_x", "y", "_z"], "b": ["__", "u", "v"]})
    names = OneHotEncoder().fit(X).get_feature_names_out()
    assert [len(columns) for columns in read(names).values()] == [3, 3]
    names = ColumnTransformer([("onehot", OneHotEncoder(), ["a", "b"])]).fit(X).get_feature_names_out()
    assert [len(columns) for columns in read(names).values()] == [3, 3]


# --- Occupied columns, and what is refused


def test_empty_categories_count_in_the_size():
    names = OneHotEncoder().fit(frame(["Street", "Heating", "Lot_Shape"])).get_feature_names_out()
    grouping = grouping_of("onehot", 8, names, columns=np.array([1, 3, 4]))
    assert grouping.names == ["Street", "Heating"]
    assert grouping.sizes.tolist() == [2, 3]
    assert grouping.order.tolist() == [0, 1, 2]
    assert grouping.starts.tolist() == [0, 1, 3]


def test_no_transformer_is_called_onehot():
    with pytest.raises(ValueError, match=r'groups="onehot" reads.*\[\'cat\', \'num\'\].*call it so'):
        features_of_names(["cat__a_x", "cat__a_y", "num__year"])


@pytest.mark.parametrize("names", [["age", "size"], ["x=1", "x=2"], ["_x"], ["onehot__x", "num__y"]])
def test_no_name_of_a_category(names):
    with pytest.raises(ValueError, match='groups="onehot" found no name of the form feature_category'):
        features_of_names(names)


def test_names_of_any_shape_are_divided_in_order():
    """Whatever the names: contiguous runs that cover all, or a ValueError; also hundreds of underscores."""
    rng = np.random.default_rng(0)
    complaints = set()
    for _ in range(2000):
        names = ["".join(rng.choice(list("ab_é"), size=rng.integers(0, 9))) for _ in range(rng.integers(1, 12))]
        names = sorted(names) if rng.random() < 0.5 else names
        try:
            sizes, features = features_of_names(names)
        except ValueError as error:
            complaints.add(str(error)[:15])
            continue
        assert min(sizes) >= 1
        assert sum(sizes) == len(names)
        assert len(features) == len(sizes)
    assert complaints == {'groups="onehot"'}
    deep = ["a_" * k + end for k in range(1, 300) for end in ("x", "y")]
    for order in (deep, deep[::-1]):
        assert sum(features_of_names(order)[0]) == len(deep)
