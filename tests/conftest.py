"""Settings of the whole suite."""

from __future__ import annotations

import os

from hypothesis import settings

if "PYTEST_XDIST_WORKER" in os.environ:  # the workers share the processors; tests of threads ask for several
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# The same examples in every run, so that a red run means a changed program; HYPOTHESIS_PROFILE=explore looks for
# new ones, and prints what reproduces a failure.
settings.register_profile("convlet", deadline=None, derandomize=True, max_examples=100)
settings.register_profile("explore", deadline=None, max_examples=2000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "convlet"))
