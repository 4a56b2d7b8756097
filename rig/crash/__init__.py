"""The crash program: runs of the nodes are ended at random points, started again, and every picture is accounted for.

points     where a run can be killed, by phase; inside the victim
victim     a process that forks one run of a node after another; inside ComfyUI's tree
bare       drives the victim
server     drives a real ComfyUI, which is ended by a signal and started again
requests   what is asked for
evidence   how far a killed run got, read from what it left on the disk
story      one request, ended and started again until it is delivered
audit      what was delivered against what was billed
program    the command
"""
