"""What a training run needs: memory, FLOPs, utilisation and time. It knows no money."""
