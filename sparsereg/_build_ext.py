"""Build command of the compiled kernels: setuptools' own, with an error that says what to install."""

from setuptools.command.build_ext import build_ext
from setuptools.errors import CCompilerError, ExecError, PlatformError

ADVICE = """
sparsereg has compiled kernels and found no working C compiler with Python's headers.
Install one and try again:
    Debian, Ubuntu    apt-get install gcc python3-dev
    Fedora            dnf install gcc python3-devel
    macOS             xcode-select --install
    Windows           Visual Studio Build Tools, workload "Desktop development with C++"
"""


class BuildExt(build_ext):
    """Compile the kernels, or say what is missing."""

    def build_extension(self, ext):
        """Compile one kernel module."""
        try:
            super().build_extension(ext)
        except (CCompilerError, ExecError, PlatformError, OSError) as error:
            raise SystemExit(f"{ADVICE}\nThe compiler's own words: {error}") from error
