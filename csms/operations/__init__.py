"""What operators have done and are told of in the background: jobs, alerts, deliveries."""
