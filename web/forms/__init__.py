"""Forms: what people may type, checked at the field."""
