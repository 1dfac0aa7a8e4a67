"""What a token costs over HTTP: reads per second, latency, CPU and memory, beside a bare ASGI application."""
