"""Text-to-image of Alibaba Cloud Model Studio (DashScope) without ComfyUI.

catalog      every model as data: ids, endpoints, sizes, limits, prices, with the source of each fact
request      what the user asked for, checked, as the JSON the service reads
credentials  the key of a region; page_keys: those that are entered on ComfyUI's page; key_check: asks whether one works
regions      where a region's API lives; api: both together, signs calls
exchange     one HTTP exchange with its time-outs; transport: the one retry policy
answers      the service's JSON as typed values
tasks        ids, states and the polling schedule; polling: asks until tasks have ended
pictures     download rules, bytes to numpy arrays; gallery: fetches all pictures of an answer
errors       one tree of exceptions; advice: what each code of the service means for the user
words        what users read, in English and ready for other languages
settings     the MODEL_STUDIO_* variables; pacer: the account's limits; budget: the user's own
ledger       what was asked, paid and drawn, on disk; memory: the ledger as one run uses it
             recent: the ledger in words; overview: as the page lists it
waiting      threads, pauses and Cancel for a run; background: where work goes on when nobody waits for it any more
drawing      one request, from the ledger's look-up to its pictures; lookup: finds lost submissions
collecting   tasks to pictures, whoever created them
info         what users are told of a run
studio       puts them together: generate, submit, collect
"""
