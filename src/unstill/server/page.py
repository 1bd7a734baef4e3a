"""The page at /docs: the description of the API, drawn by itself, without anything from outside."""

from importlib.resources import files

PAGE = files("unstill.server").joinpath("docs.html").read_bytes()
