"""What `GET /metrics` tells: each metric, the reading of them all, their text, who may ask."""
