"""From a click to a row: flows, what people granted, and how each ended."""
