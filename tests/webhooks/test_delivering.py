"""What is posted, how often and when: a real receiver whose answers are scripted, and a clock moved by hand."""

from __future__ import annotations

import socket
import threading
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from grantkeeper import Keeper
from grantkeeper.emulator import Emulator
from grantkeeper.errors import InvalidInput
from grantkeeper.keeper.service.posting import Attempt, Outlet
from grantkeeper.model import Delivery, Event
from grantkeeper.webhooks import LEASE, RETRIES
from grantkeeper.worker import Delivering, Worker
from webhooks.conftest import Opens, opener
from webhooks.receiver import Receiver, listening

SECOND = timedelta(seconds=1)


def happen(keeper: Keeper, count: int = 1) -> None:
    """Let something happen to grants."""
    for number in range(count):
        at = keeper.webhooks._now()
        event = Event(kind="grant.connected", at=at, grant_id=f"g{number}", owner="acme", client="google-ads")
        keeper._store.events.add(event)


def the_delivery(keeper: Keeper) -> Delivery:
    """Return the newest delivery."""
    return keeper.webhooks.deliveries(limit=1)[0]


def move_to(emulator: Emulator, at: datetime | None) -> None:
    """Move the clock forward to then."""
    assert at is not None
    emulator.clock.advance(max(at - emulator.clock.now(), timedelta()))


@pytest.mark.parametrize(
    ("status", "ends", "error"),
    [
        (200, "delivered", ""),
        (204, "delivered", ""),
        (299, "delivered", ""),
        (300, "waiting", "redirected"),
        (304, "waiting", "redirected"),
        (308, "waiting", "redirected"),
        (400, "waiting", "refused"),
        (401, "waiting", "refused"),
        (404, "waiting", "refused"),
        (410, "dead", "gone"),
        (429, "waiting", "throttled"),
        (500, "waiting", "refused"),
        (502, "waiting", "throttled"),
        (503, "waiting", "throttled"),
        (504, "waiting", "throttled"),
    ],
)
def test_only_2xx_is_success(
    keeper: Keeper, delivering: Delivering, receiver: Receiver, status: int, ends: str, error: str
) -> None:
    """V-58: a redirect is a failure, 410 ends it at once, the rest is tried again."""
    keeper.webhooks.add(receiver.url)
    receiver.answers.append((status, {"location": "http://169.254.169.254/latest/meta-data/"}))
    happen(keeper)
    assert delivering.once() == 1

    found = the_delivery(keeper)
    assert (found.status, found.last_error, found.last_status, found.attempts) == (ends, error, status, 1)
    assert len(receiver.messages) == 1


def test_a_message_is_posted_ten_times_within_three_days_and_then_kept(
    keeper: Keeper, emulator: Emulator, delivering: Delivering, receiver: Receiver
) -> None:
    """V-58: each wait is its step of the table and up to a tenth; the id stays, the time is each attempt's own."""
    endpoint, _ = keeper.webhooks.add(receiver.url)
    receiver.judge = lambda _: (500, {})
    happen(keeper)
    waits = []
    while delivering.once():
        found = the_delivery(keeper)
        if found.due_at is not None:
            waits.append(found.due_at - emulator.clock.now())
            move_to(emulator, found.due_at)
            hold = keeper.webhooks.get(endpoint.id).held_until
            move_to(emulator, hold or emulator.clock.now())

    assert len(waits) == len(RETRIES) == len(receiver.messages) - 1
    assert all(step <= wait <= step * 1.1 for step, wait in zip(RETRIES, waits, strict=True))
    assert len({message.headers["webhook-id"] for message in receiver.messages}) == 1
    times = [int(message.headers["webhook-timestamp"]) for message in receiver.messages]
    assert times == sorted(set(times))
    assert timedelta(days=3) < timedelta(seconds=times[-1] - times[0]) < timedelta(days=4)
    dead = the_delivery(keeper)
    assert (dead.status, dead.due_at, dead.last_status) == ("dead", None, 500)

    receiver.judge = lambda _: (200, {})
    assert keeper.webhooks.replay(endpoint.id, by="cli") == 1
    assert delivering.once() == 1
    assert the_delivery(keeper).status == "delivered"
    assert receiver.messages[-1].headers["webhook-id"] == receiver.messages[0].headers["webhook-id"]


@pytest.mark.parametrize(
    ("status", "said", "wait"),
    [
        (503, "120", timedelta(minutes=2)),
        (429, "86400", timedelta(hours=1)),
        (500, "600", timedelta(minutes=10)),
        (503, "soon", timedelta(seconds=30)),
    ],
)
def test_what_the_receiver_asks_for_is_waited_for(
    keeper: Keeper,
    emulator: Emulator,
    delivering: Delivering,
    receiver: Receiver,
    status: int,
    said: str,
    wait: timedelta,
) -> None:
    """V-58: Retry-After counts, up to an hour; one that has too much to do gets nothing else meanwhile, either."""
    endpoint, _ = keeper.webhooks.add(receiver.url)
    receiver.answers.append((status, {"retry-after": said}))
    happen(keeper)
    delivering.once()
    now, found = emulator.clock.now(), the_delivery(keeper)
    assert found.due_at is not None
    assert found.due_at >= now + (wait if said != "soon" else timedelta(seconds=5))
    if status == 500:
        return
    assert keeper.webhooks.get(endpoint.id).held_until == now + wait

    happen(keeper)
    emulator.clock.advance(wait - SECOND)
    assert delivering.once() == 0
    emulator.clock.advance(SECOND)
    assert delivering.once() >= 1


def test_410_disables_the_endpoint(keeper: Keeper, delivering: Delivering, receiver: Receiver) -> None:
    """V-58, V-65: it says so, in the audit log, too; nothing more is made or posted for it until it is enabled."""
    endpoint, _ = keeper.webhooks.add(receiver.url)
    receiver.answers.append((410, {}))
    happen(keeper)
    delivering.once()
    happen(keeper)
    assert delivering.once() == 0

    found = keeper.webhooks.get(endpoint.id)
    assert (found.status, found.reason) == ("disabled", "It answered 410: it wants nothing more.")
    (entry,) = [each.entry for each in keeper._store.audit.read(actor="worker")]
    assert (entry.action, entry.target) == ("webhook.disable", f"endpoint:{endpoint.id}")
    enabled = keeper.webhooks.enable(endpoint.id, by="cli")
    assert (enabled.status, enabled.reason) == ("enabled", "")
    happen(keeper)
    assert delivering.once() == 1


def test_an_endpoint_that_only_fails_for_five_days_is_disabled(
    keeper: Keeper, emulator: Emulator, delivering: Delivering, receiver: Receiver
) -> None:
    """V-58: not sooner; one that takes a single message in between begins anew."""
    endpoint, _ = keeper.webhooks.add(receiver.url)
    receiver.judge = lambda _: (500, {})
    began = emulator.clock.now()
    for hour in range(24 * 7):
        happen(keeper)
        if hour == 24:
            receiver.answers.append((200, {}))
        delivering.once()
        if keeper.webhooks.get(endpoint.id).status == "disabled":
            break
        emulator.clock.advance(timedelta(hours=1))

    assert timedelta(days=6) <= emulator.clock.now() - began < timedelta(days=6, hours=12)
    assert keeper.webhooks.get(endpoint.id).reason == "Every delivery has failed for 5 days."


def test_one_failure_after_a_quiet_week_disables_nothing(
    keeper: Keeper, emulator: Emulator, delivering: Delivering, receiver: Receiver
) -> None:
    """V-58: that the last message of a week ago failed, too, proves little; that this one fails for half a day does."""
    endpoint, _ = keeper.webhooks.add(receiver.url)
    receiver.judge = lambda _: (500, {})
    happen(keeper)
    delivering.once()
    emulator.clock.advance(timedelta(days=7))
    keeper.webhooks.prune()
    happen(keeper)
    assert delivering.once() == 1

    assert keeper.webhooks.get(endpoint.id).status == "enabled"
    for _ in range(20):
        emulator.clock.advance(timedelta(hours=1))
        delivering.once()
    assert keeper.webhooks.get(endpoint.id).status == "disabled"


def test_an_endpoint_that_is_down_is_only_tried(
    keeper: Keeper, emulator: Emulator, delivering: Delivering, receiver: Receiver
) -> None:
    """R-53: a thousand messages that wait for it are not a thousand posts a minute; once it is back, all of them go."""
    keeper.webhooks.add(receiver.url)
    receiver.judge = lambda _: (500, {})
    happen(keeper)
    delivering.once()
    happen(keeper, 200)
    emulator.clock.advance(timedelta(minutes=1))
    for _ in range(60):
        delivering.once()
        emulator.clock.advance(timedelta(minutes=1))
    assert len(receiver.messages) < 40

    receiver.judge = lambda _: (200, {})
    emulator.clock.advance(timedelta(minutes=10))
    before = len(receiver.messages)
    delivering.once()
    emulator.clock.advance(timedelta(hours=3))
    delivering.once()
    taken = {message.headers["webhook-id"] for message in receiver.messages[before:]}
    assert len(taken) == 201


def test_an_endpoint_that_hangs_keeps_nobody_waiting(keeper: Keeper, receiver: Receiver) -> None:
    """R-53: it has a few posts at a time; everybody else's go on beside it."""
    delivering = Delivering(keeper, threads=8, each=3)
    with listening() as slow:
        slow.hangs = threading.Event()
        keeper.webhooks.add(slow.url)
        keeper.webhooks.add(receiver.url)
        happen(keeper, 20)
        while delivering.begin() or len(receiver.messages) < 20:
            delivering.rest(SECOND)
        for _ in range(20):
            assert receiver.came.acquire(timeout=10)

        assert len(slow.messages) == 3
        slow.hangs.set()
        assert delivering.finish()
    assert len(keeper.webhooks.deliveries(status="delivered")) == 23


def test_what_no_thread_was_to_be_had_for_is_posted_later(
    keeper: Keeper, emulator: Emulator, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often that was, its endpoint's places are free."""
    keeper.webhooks.add(receiver.url)
    happen(keeper, 6)
    delivering = Delivering(keeper)

    def refused(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refused)
        for _ in range(6):
            assert delivering.once() == 0
            emulator.clock.advance(LEASE)

    assert delivering.once() == 6
    assert len(receiver.messages) == 6
    assert delivering.finish()


def test_many_workers_deliver_each_event_once(opens: Opens, receiver: Receiver) -> None:
    """R-53: over one database, at the same time; and what one of them had claimed when it was killed comes later."""
    keepers = [opens() for _ in range(3)]
    keepers[0].webhooks.add(receiver.url)
    happen(keepers[0], 40)
    (row,) = keepers[0].webhooks.posting.ready()
    lost = keepers[0].webhooks.posting.claim(row, 5)
    threads = [threading.Thread(target=Delivering(each).once) for each in keepers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    ids = [message.headers["webhook-id"] for message in receiver.messages]
    assert len(ids) == len(set(ids)) == 40 - len(lost)
    assert Delivering(keepers[1]).once() == 0


def test_what_a_killed_worker_had_taken_is_delivered_after_its_lease(
    keeper: Keeper, emulator: Emulator, delivering: Delivering, receiver: Receiver
) -> None:
    """R-53: at least once; a receiver that had it already knows it by its id."""
    keeper.webhooks.add(receiver.url)
    happen(keeper)
    (row,) = keeper.webhooks.posting.ready()
    (lost,) = keeper.webhooks.posting.claim(row, 5)
    assert delivering.once() == 0
    emulator.clock.advance(LEASE)
    assert delivering.once() == 1

    keeper.webhooks.posting.deliver(lost)  # it was not dead, only slow
    assert len({message.headers["webhook-id"] for message in receiver.messages}) == 1
    assert the_delivery(keeper).status == "delivered"


def test_a_consumer_that_is_down_for_days_does_not_slow_the_keeper(
    keeper: Keeper, emulator: Emulator, delivering: Delivering, receiver: Receiver
) -> None:
    """R-53: the queue is bounded: what waited for five days is dead, what is dead for thirty is forgotten."""
    endpoint, _ = keeper.webhooks.add(receiver.url)
    keeper.webhooks.disable(endpoint.id, by="cli")
    keeper.webhooks.enable(endpoint.id)
    happen(keeper, 30)
    keeper.events()
    keeper.webhooks.disable(endpoint.id)
    emulator.clock.advance(timedelta(days=5, hours=1))
    assert delivering.once() == 0
    assert keeper.webhooks.prune() == 30
    assert {(each.status, each.last_error) for each in keeper.webhooks.deliveries()} == {("dead", "too_old")}

    emulator.clock.advance(timedelta(days=31))
    assert keeper.webhooks.prune() == 30
    assert keeper.webhooks.deliveries() == []
    assert len(keeper.events()) == 30
    emulator.clock.advance(timedelta(days=400))
    assert keeper.webhooks.prune() == 30
    assert keeper.events() == []


def test_who_was_away_for_days_posts_before_anything_is_given_up(
    keeper: Keeper, emulator: Emulator, receiver: Receiver
) -> None:
    """R-53: what was never tried, and what was once: `too_old` is what nobody wanted, not what nobody posted."""
    keeper.webhooks.add(receiver.url)
    receiver.answers.append((500, {}))
    happen(keeper)
    assert Delivering(keeper).once() == 1
    happen(keeper, 3)
    keeper.events()
    emulator.clock.advance(timedelta(days=6))

    done = Worker(keeper, threads=1).sweep()
    assert (done.delivered, done.chores["pruned"]) == (4, 0)
    assert {(each.status, each.attempts) for each in keeper.webhooks.deliveries()} == {
        ("delivered", 1),
        ("delivered", 2),
    }


def test_nothing_is_told_of_what_happened_before(keeper: Keeper, delivering: Delivering, receiver: Receiver) -> None:
    """A new endpoint hears of what happens from now on, and one that was disabled not of what happened meanwhile."""
    happen(keeper, 3)
    endpoint, _ = keeper.webhooks.add(receiver.url)
    assert delivering.once() == 0
    keeper.webhooks.disable(endpoint.id)
    happen(keeper, 3)
    keeper.webhooks.enable(endpoint.id)
    assert delivering.once() == 0
    happen(keeper)
    assert delivering.once() == 1


def test_an_endpoint_gets_the_kinds_that_it_wants(keeper: Keeper, delivering: Delivering, receiver: Receiver) -> None:
    """And others once it was changed so."""
    endpoint, _ = keeper.webhooks.add(receiver.url, kinds=["grant.revoked"])
    happen(keeper)
    assert delivering.once() == 0
    changed = keeper.webhooks.change(endpoint.id, kinds=["grant.connected"], description="books")
    assert (changed.kinds, changed.description, changed.version) == (frozenset({"grant.connected"}), "books", 2)
    happen(keeper)
    assert delivering.once() == 1


def test_why_an_endpoint_cannot_be_reached_nobody_is_told(
    tmp_path: Path, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """V-52: a private address, a name that is none and a closed port are one word; what is listening hears nothing."""
    found: list[object] = [[(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 443))], [], OSError()]

    def getaddrinfo(*_: object, **__: object) -> object:
        answer = found.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    with ExitStack() as stack:
        keeper = opener(f"sqlite:///{tmp_path / 'other.sqlite3'}", emulator, stack)(outlet=Outlet())
        endpoint, _ = keeper.webhooks.add("https://hooks.example.com/in")
        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        attempts = [keeper.webhooks.test(endpoint.id) for _ in range(3)]

    assert attempts == [Attempt(error="unreachable")] * 3


def test_an_endpoint_that_the_settings_allow_no_more_gets_nothing(
    opens: Opens, emulator: Emulator, receiver: Receiver
) -> None:
    """V-50: the address is judged at every attempt, not only when it is added."""
    endpoint, _ = opens().webhooks.add(receiver.url)
    stricter = opens(outlet=Outlet())

    assert stricter.webhooks.test(endpoint.id) == Attempt(error="not_allowed")
    assert receiver.messages == []
    with pytest.raises(InvalidInput, match="is not an https URL"):
        stricter.webhooks.add(receiver.url)
