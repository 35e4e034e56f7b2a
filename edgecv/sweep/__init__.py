"""Many variants of one recipe as one job that can be stopped and goes on, and what they are worth.

grid -> variants -> made side by side in processes or on a cluster -> measured alone, one by one ->
the front of those that no other beats.
"""
