"""What tests share: model folders built on the spot, and texts of very different lengths."""
