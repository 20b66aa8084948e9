"""Compiled loops: no Python objects, no allocation of results, no warnings; every one releases the GIL.

Letters as everywhere (``docs/math.md``): ``w`` weights, ``q = h * r`` weighted residual, ``s = sum(q)``, ``z = X'g``.
"""
