"""`mulgam doctor`: what this machine has, what is wrong with it, and what to do about it.

One file a family of checks. Each is a function of a `Situation` that gives findings; a library that may be missing is
imported in the function, for to be told of it is what the doctor is called for.

    findings.py   what a check finds          situation.py  what the checks are about: settings, folders
    checkup.py    all checks, in order        printing.py   what a person sees
"""
