"""Jobs' files, uploads and signed links; touches the disk."""
