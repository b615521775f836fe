"""The choice of a backend and a precision, and the specs of rerankers and embedders."""
