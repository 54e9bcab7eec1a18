"""A model of the watermark protocol, and a checker that tries every interleaving of its steps.

`world` is the state and the servers, `actors` what the processes of the app do, `checker` the search. A step is
atomic and small: "the commit is in the write-ahead log" and "the commit is visible" are two. One collection is
modelled; "T has passed" ends every lease on the closed epoch. A setting that is wrong on purpose (`Protocol`) must
be caught, or the model is too coarse to be believed.
"""
