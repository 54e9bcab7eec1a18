"""What the shop looks like from outside, and what may be sent to change it."""
