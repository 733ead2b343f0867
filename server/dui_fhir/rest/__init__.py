"""HTTP and nothing else: from a Flask request to a service request, and back."""
