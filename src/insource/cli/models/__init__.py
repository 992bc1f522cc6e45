"""``insource models``: the base models, one file a sub-verb."""
