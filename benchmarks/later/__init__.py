"""Later versions of the platform's code, for rollouts to bring a fleet to."""
