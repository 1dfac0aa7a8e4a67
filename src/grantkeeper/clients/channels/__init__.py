"""How many clients of one process share a few gRPC connections. Imports gRPC and google-ads: reach it lazily."""
