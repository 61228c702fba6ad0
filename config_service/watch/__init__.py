"""The watch: settings on their way to the services that run on them."""
