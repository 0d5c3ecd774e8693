"""What an autoscaler would have decided on recorded metrics."""
