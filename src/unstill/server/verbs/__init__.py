"""What each route does: from an asking that is read and allowed to its answer."""
