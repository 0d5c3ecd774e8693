"""What a training run costs end to end, and what each way to train would cost, with what it saves in serving."""
