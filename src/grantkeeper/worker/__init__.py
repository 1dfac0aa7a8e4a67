"""What is done without being asked: renewals that are due, daily checks, deliveries, clean-up.

    with Keeper.from_env() as keeper:
        worker = Worker(keeper)
        worker.start()
        ...
        worker.stop()

Any number of them may run over one database, in the same process or in others: each claims what is due, by lease.
"""

from .budget import Budget
from .delivering import Delivering
from .worker import Round, Worker

__all__ = ["Budget", "Delivering", "Round", "Worker"]
