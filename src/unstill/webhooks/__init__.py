"""Who is told of a job's end, and the sending of it; touches the store and the network."""
