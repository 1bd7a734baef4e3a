-- How many deliveries were given up of late: operators ask for that again and again.
CREATE INDEX deliveries_given_up ON deliveries (ended_ms) WHERE state = 'given_up';
