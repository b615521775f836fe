"""A model's files: find, read and check them, and keep in a cache what is made from them."""
