"""For all tests: shared machines are slow at times, so a property has no time limit per example."""

from hypothesis import settings

settings.register_profile("keepfit", deadline=None)
settings.load_profile("keepfit")
