"""Building blocks without dependencies on the rest: errors, durable files, time, identifiers, money, random
streams.
"""
