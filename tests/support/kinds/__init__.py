"""What tests know of each kind of upstream, a file each: found by the words of `KINDS`."""
