"""The job store on PostgreSQL, which several servers share."""
