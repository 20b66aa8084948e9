"""Features made of other features, sparse and as many as there may be."""

from sparsereg.preprocessing.feature_cross import FeatureCross as FeatureCross

__all__ = ["FeatureCross"]
