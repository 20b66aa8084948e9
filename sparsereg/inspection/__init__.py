"""Pictures of paths, searches and fits. They need matplotlib: ``pip install sparsereg[plot]``."""

from sparsereg.inspection.convergence_display import ConvergenceDisplay as ConvergenceDisplay
from sparsereg.inspection.cv_path_display import CVPathDisplay as CVPathDisplay
from sparsereg.inspection.path_display import PathDisplay as PathDisplay

__all__ = ["CVPathDisplay", "ConvergenceDisplay", "PathDisplay"]
