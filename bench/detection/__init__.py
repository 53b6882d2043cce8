"""How well the check library finds errors that really happen: planted in right data, counted by kind."""
