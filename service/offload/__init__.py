"""Large bodies are parsed, and large answers written, in a process of their own.

A parser keeps the interpreter to itself until it is done: for a body of 8 MiB tens of milliseconds, in which the event
loop answers nobody, whatever thread it runs in.
"""
