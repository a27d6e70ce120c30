"""The job engine's memory: which jobs are ready, which units live and wait, who holds what. All of it is an index over
the database, which alone decides; a new leader makes it anew."""
