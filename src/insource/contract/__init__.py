"""The output contract: infer it, write answers in canonical form, expand and validate schemas."""
