"""A file for each kind of pipeline, with its `PROFILE`: a new one is a new file, named nowhere."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from unstill.engines.diffusers.profile import Profile


def _found() -> tuple[Profile, ...]:
    modules = [
        import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)
    ]
    profiles: list[Profile] = [module.PROFILE for module in modules]
    return tuple(sorted(profiles, key=lambda profile: profile.name))


PROFILES = _found()  # by name
