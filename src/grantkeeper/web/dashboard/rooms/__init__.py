"""The pages behind the sign-in, a module for each kind of thing."""
