"""Models that weigh kilobytes: prune, quantise, save, export."""

from sparsereg.compression.compact import compact as compact
from sparsereg.compression.compact_model import CompactModel as CompactModel
from sparsereg.compression.compact_model import CompactReport as CompactReport
from sparsereg.compression.prune import prune as prune

__all__ = ["CompactModel", "CompactReport", "compact", "prune"]
