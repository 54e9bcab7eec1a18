"""How a request runs, from the route to the response."""
