"""The sections on errors: their causes, by field and by label, invention, format, worst documents."""
