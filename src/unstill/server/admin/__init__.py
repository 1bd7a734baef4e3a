"""What operators ask and change: the answers of `/admin` by their nouns, and its routes."""
