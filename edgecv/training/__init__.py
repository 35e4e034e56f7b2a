"""Training: pictures to batches, the one loop, what it writes. Fine-tuning and QAT use it too."""
