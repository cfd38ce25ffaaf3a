"""From what a caller sends to the graph's input tensors, driven by the signature alone.

All arithmetic lives in the exported graph; only encoding happens outside it, and only here, so that
training and serving can't drift apart:

- a number becomes float32; a missing one NaN;
- a category or boolean becomes its vocabulary id: 0 unseen, 1 missing, the known values from 2 on;
- a text becomes NFC Unicode code points, int32, cut at the signature's length, padded with 0;
- a tensor's row, a list nested as deeply as its shape, becomes what its datatype says.
"""
