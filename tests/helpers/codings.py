"""Codings and gates covered by every test of codings."""

#: Every coding and each of its readings, with parameters at which it differs from rate coding.
CODINGS = [
    "rate",
    "rate:v_th=0.75,v_init=0.5",
    "phase:K=4",
    "phase:K=4,charge=per_period",
    "burst",
    "burst:recursion=single",
    "burst:gamma=2,v_0=0.125",
    "burst:gamma=2,v_0=0.125,recursion=single",
    "two_status:beta=0.625,p=3",
    "two_status:beta=0.625,p=3,reading=ceil",
    "two_status:beta=0.625,p=3,reading=real",
    "two_status:beta=0.625,p=3,reading=floor_from_zero",
]


GATES = ["max_pool", "max_pool_first", "max_pool_all"]
