"""Channel services that run: ``python -m sinks.channels.examples.mail --help``, and so on."""
