"""What everything stands on: errors, durable files, time, identifiers, money, random streams."""
