"""What must not leave with a report: secrets never, names and addresses where that is asked for."""
