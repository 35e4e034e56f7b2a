"""Structured pruning: which channels of a network can go, what each is worth, and what it costs.

groups        channels that can only go together, and cutting them
importance    what each channel of a group is worth
convs         the convs of an exported graph, and what one costs
conv_times    how long a conv of some shape takes on an engine
costs         what a network of some widths costs: multiply-accumulates or milliseconds
search        the cut that costs the least importance for what it gains
sensitivity   what cutting one group alone does to the loss
worth         the two of them on the pictures of a job
measured      a cut network and what it costs
schedule      cut, fine-tune, cut again
"""
