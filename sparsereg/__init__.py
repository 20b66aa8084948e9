"""Sparse regularised linear models for scikit-learn."""
