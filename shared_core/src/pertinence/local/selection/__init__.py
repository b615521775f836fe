"""Choice of a backend and a precision, and specs of rerankers and embedders."""
