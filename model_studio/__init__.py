"""Text-to-image of Alibaba Cloud Model Studio (DashScope) without ComfyUI.

Rooms, from the ground up; each imports only what is above it here (tests/model_studio/test_package.py):

words, errors, kinds, threads, waiting   texts in every language, the tree of errors, kinds of files, how a run waits
catalog      every model as data: ids, endpoints, sizes, limits, prices, with the source of each fact
request      what the user asked for, checked, as the JSON the service reads
account      whose account: keys, regions, the MODEL_STUDIO_* settings
service      the service over HTTP: calls and answers, what is sent again, limits, tasks, links
ledger       what was asked, paid and drawn, on disk; session: the ledger as one run uses it
runs         what happens to a request, from the ledger to pictures, `info` and budget
page         what ComfyUI's page shows without a run: prices, and the ledger's records
studio       puts them together: generate, submit, collect
"""
