"""Jobs: a command to many chargers, some first, at a rate, until too many fail."""
