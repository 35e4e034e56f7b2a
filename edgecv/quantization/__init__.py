"""Float graph to INT8 files: observe, choose ranges, round, rank, emit.

In the order of the data:

    network      the convs of a float ONNX graph and what stands around them
    execute      run a graph, or the part of it that some tensors need
    observe      per-channel ranges, histograms and second moments, in bounded memory
    ranges       a tensor's range from its histogram, by observer
    equalize     scale moved from the hot channels of a tensor into the weights behind it
    rounding     float weights to integers
    plan         all of the above for each conv, for one scheme of integers
    emit         the graph with Q/DQ where one engine family wants them
    sensitivity  what each conv alone does to the detections
    budget       the convs that go back to float, until the accuracy holds on every engine
    table        what `quantization.json` says
"""
