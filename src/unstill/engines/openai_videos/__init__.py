"""Servers that speak OpenAI's `/v1/videos` as an engine."""
