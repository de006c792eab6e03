"""What people and operators use: the product's own HTTP surface."""
