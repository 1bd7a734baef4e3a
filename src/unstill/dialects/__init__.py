"""What documented APIs are made of; pure, touches values alone."""
