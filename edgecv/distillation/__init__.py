"""Distillation: a small network learns from what a large one answers and sees.

A teacher answers (teacher.py), losses compare the student with it (response.py, features.py), and
loss.py adds them to the loss on the ground truth for the one training loop.
"""
