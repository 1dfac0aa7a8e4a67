"""How requests are read, limited, and answered from memory or as a stream."""
