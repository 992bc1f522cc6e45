"""What the report says, one module a topic: results in, sections of a page out."""
