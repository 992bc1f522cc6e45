"""Whether documents, answers and confidences are still those that a model was measured on."""
