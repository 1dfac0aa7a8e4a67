"""What `serve` and `worker` need to run for months: logs, a server, and an orderly end."""
