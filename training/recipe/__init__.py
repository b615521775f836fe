"""How the embedded default model was made, from data to gate; see ../README.md."""
