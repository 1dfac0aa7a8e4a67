"""What only admins see: keys, webhooks, operators, and the audit log."""
