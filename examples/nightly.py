"""Report from every Google Ads account that every client shares; say who did not answer, and who has to act.

Run: python nightly.py reports.jsonl. Each row of a report becomes a line of JSON in the file; the table goes to stdout.

Exit code: 0 when everything was reported; else it is the most urgent of 1 (a bug), 3 (you have to act), 4 (some owners
have to act) and 5 (it passes: run again). 130 after Ctrl-C, 141 when nobody reads the table. What was counted as
reported is in the file; when it ends before all were asked, stderr says that the file is incomplete.
"""

import argparse
import json
import logging
import os
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, as_completed, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from grantkeeper import GrantStatus, Keeper, errors
from grantkeeper.clients import google_ads, google_auth

QUERY = "SELECT customer.descriptive_name, customer.currency_code, customer.time_zone, customer.status FROM customer"
AS_WORDS = {"use_integers_for_enums": False, "always_print_fields_with_no_presence": False}  # only what was asked for
PATIENCE = 60.0  # seconds for one report, so that none holds up the others
WHO = {0: "", 1: "you: a bug", 3: "you", 4: "the owner", 5: "nobody: run again"}  # by exit code


def exit_code(error: Exception) -> int:
    """Return what an error asks for, as an exit code."""
    match error:
        case errors.ConsentRequired() | errors.AccessRefused():
            return 4
        case errors.ProviderUnavailable() | errors.DatabaseUnavailable():
            return 5
        case errors.GrantkeeperError() | OSError():
            return 3
    return 1


@dataclass(slots=True, kw_only=True)
class Tally:
    """What came of one owner's accounts; of errors, the first of the most urgent is kept."""

    reported: int = 0
    failed: int = 0
    code: int = 0
    said: str = ""

    def add(self, error: Exception) -> None:
        """Count a failure. Our errors say what to do and hold no secret; of others only the name is shown."""
        self.failed += 1
        code = exit_code(error)
        if not self.code or code < self.code:
            ours = isinstance(error, errors.GrantkeeperError)
            self.code, self.said = code, str(error) if ours else f"unexpected {type(error).__name__}"


Outcome = tuple[google_ads.Customer, list[dict[str, Any]] | Exception]


def report(customer: google_ads.Customer) -> Outcome:
    """Fetch the report of one account; runs in a thread."""
    ads, customer_id = customer
    try:
        with google_auth.api_errors(ads, account_id=customer_id):
            service = ads.get_service("GoogleAdsService")  # in a variable: dropped early, it ends its stream
            batches = service.search_stream(customer_id=customer_id, query=QUERY, timeout=PATIENCE)
            rows = [row for batch in batches for row in batch.results]
        return customer, [type(row).to_dict(row, **AS_WORDS) for row in rows]
    except Exception as error:  # noqa: BLE001 - one account's trouble, whatever it is, is not the others'
        return customer, error


def reports(pool: Executor, customers: Iterable[google_ads.Customer], at_once: int) -> Iterator[Outcome]:
    """Yield reports as they come in. No more than `at_once` accounts are in memory, however many there are."""
    waiting: set[Future[Outcome]] = set()
    trouble: BaseException | None = None
    try:
        for customer in customers:
            waiting.add(pool.submit(report, customer))
            if len(waiting) >= at_once:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                yield from (each.result() for each in done)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - raised again, after what is under way
        trouble = error
        if isinstance(error, KeyboardInterrupt):
            waiting = {each for each in waiting if not each.cancel()}
    yield from (each.result() for each in as_completed(waiting))
    if trouble is not None:
        raise trouble


def keep(out: TextIO, customer: google_ads.Customer, result: list[dict[str, Any]] | Exception, tally: Tally) -> None:
    """Write one account's report, then count it: what was counted is with the operating system."""
    if isinstance(result, Exception):
        tally.add(result)
        return
    about = {"owner": customer.grant.owner, "account": customer.account.id}
    out.write("".join(json.dumps({**about, **row}) + "\n" for row in result))
    out.flush()
    tally.reported += 1


def run(keeper: Keeper, client: str, file: Path, threads: int, tallies: dict[str, Tally]) -> None:
    """Report from all, into the file and the tallies. The bar counts owners, and is for a terminal only."""
    living = (GrantStatus.ACTIVE, GrantStatus.CONSENT_REQUIRED)
    owners = {grant.owner for grant in keeper.grants(client=keeper.client(client).name) if grant.status in living}
    customers = google_ads.customers(keeper, client=client, skipped=lambda grant, why: tallies[grant.owner].add(why))
    bar = Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
    pool = ThreadPoolExecutor(threads)
    with file.open("w", encoding="utf-8") as out, bar:
        try:
            task = bar.add_task("Owners", total=len(owners))
            for customer, result in reports(pool, customers, 2 * threads):
                keep(out, customer, result, tallies[customer.grant.owner])
                bar.update(task, completed=len(tallies))
        except BaseException:
            print(f"nightly: {file} is incomplete", file=sys.stderr)
            raise
        finally:
            for owner in owners:
                tallies[owner]  # who shares nothing, or was not come to, is in the table, too
            pool.shutdown(cancel_futures=True)


def show(tallies: dict[str, Tally]) -> None:
    """Print the table, troubles last, and the sums."""
    table = Table("owner", "reported", "failed", "who has to act", "what is the matter", box=None)
    for owner, tally in sorted(tallies.items(), key=lambda each: (each[1].failed > 0, each[0])):
        table.add_row(owner, str(tally.reported), str(tally.failed), WHO[tally.code], tally.said)
    width = None if sys.stdout.isatty() else 500  # nothing is folded in a file, so that grep sees whole lines
    console = Console(width=width, markup=False, emoji=False, highlight=False)
    with console.capture() as shown:  # printed by the console, it would end the program with 1 at a closed pipe
        console.print(table)
    reported, failed = sum(each.reported for each in tallies.values()), sum(each.failed for each in tallies.values())
    troubled = sum(1 for each in tallies.values() if each.failed)
    sums = f"{reported} accounts reported, {failed} failures; trouble with {troubled} of {len(tallies)} owners"
    print(shown.get() + sums, flush=True)


def thread_count(text: str) -> int:
    """Return a number of threads, for argparse."""
    if not text.isdecimal() or not 1 <= int(text) <= 256:
        raise argparse.ArgumentTypeError("it is a number from 1 to 256")
    return int(text)


def main() -> int:
    """Run the job; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="where the reports go")
    parser.add_argument("--client", default="google-ads", help="the OAuth client, as grantkeeper.toml names it")
    parser.add_argument("--threads", type=thread_count, default=16, help="how many accounts report at once")
    arguments = parser.parse_args()
    logging.getLogger("google.ads.googleads").setLevel(logging.CRITICAL)  # the table says what was refused
    tallies: dict[str, Tally] = defaultdict(Tally)
    code = 0
    try:
        with Keeper.from_env() as keeper:
            run(keeper, arguments.client, arguments.file, arguments.threads, tallies)
    except KeyboardInterrupt:
        code = 130
    except (errors.GrantkeeperError, OSError) as error:
        print(f"nightly: {error}", file=sys.stderr)
        code = exit_code(error)
    try:
        show(tallies)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # at exit Python would try once more
        return 141
    return code or min((each.code for each in tallies.values() if each.code), default=0)


if __name__ == "__main__":
    sys.exit(main())
