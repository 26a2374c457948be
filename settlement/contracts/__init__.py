"""A contract's life: paid, delivered by the truck, inspected, stated, settled, invoiced, closed."""
