"""TensorFlow ops, a family a file."""
