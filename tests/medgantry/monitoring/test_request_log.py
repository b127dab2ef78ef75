import gzip
import logging
import threading
import time
from datetime import datetime, timedelta

import pytest

from medgantry.errors import InvalidInput, StoreUnavailable
from medgantry.monitoring import request_log
from medgantry.monitoring.case_statistics import CaseStatistics
from medgantry.monitoring.request_log import RequestLog, read_requests
from medgantry.storage import ObjectStore
from tests.medgantry.monitoring.records import NAMES, TIME, channel, make

DAY = timedelta(days=1)
PHI = "DOE^JANE"


def objects(store: ObjectStore) -> list[str]:
    return [item.key for item in store.list("monitoring/")]


@pytest.fixture
def log(store: ObjectStore):
    opened = RequestLog(store, "skin", NAMES)
    yield opened
    opened.close()


def window(store: ObjectStore, **around: timedelta):
    now = datetime.now(TIME.tzinfo)
    return read_requests(store, "skin", now - around.get("back", DAY), now + DAY)


def now() -> datetime:
    return datetime.now(TIME.tzinfo)


def test_what_is_logged_is_read_in_the_order_of_time(store, log):
    records = [make(time=now() - timedelta(seconds=10 * index)) for index in range(7)]
    for record in records:
        log.add(record)
    log.close()
    found = window(store)
    assert list(found.records) == records[::-1]
    assert (found.lost, log.lost) == (0, 0)
    (key,) = objects(store)
    assert key.startswith(f"monitoring/requests/skin/{now():%Y-%m-%d}/")
    assert key.endswith(".jsonl.gz")


def test_the_end_of_a_window_is_not_part_of_it(store, log):
    begin = now() - timedelta(hours=2)
    for hours in (0, 1, 2):
        log.add(make(time=begin + timedelta(hours=hours)))
    log.close()
    found = read_requests(store, "skin", begin, begin + timedelta(hours=2))
    assert [record.time for record in found.records] == [begin, begin + timedelta(hours=1)]


def test_a_record_written_on_the_next_day_belongs_to_its_own(store, log, monkeypatch):
    yesterday = now() - DAY
    log.add(make(time=yesterday))
    log.close()
    found = read_requests(store, "skin", yesterday - timedelta(hours=1), yesterday + timedelta(seconds=1))
    assert len(found.records) == 1


def test_a_period_of_thousands_of_years_ends_with_today(store, log):
    log.add(make(time=now()))
    log.close()
    whole = read_requests(
        store, "skin", datetime(2020, 1, 1, tzinfo=TIME.tzinfo), datetime(9000, 1, 1, tzinfo=TIME.tzinfo)
    )
    assert len(whole.records) == 1
    future = datetime(8000, 1, 1, tzinfo=TIME.tzinfo)
    assert read_requests(store, "skin", future, future + DAY).records == []


def test_many_are_written_before_their_time_and_few_at_it(store, monkeypatch):
    monkeypatch.setattr(request_log, "_BATCH", 10)
    log = RequestLog(store, "skin", NAMES)
    for _ in range(25):
        log.add(make(time=now()))
    wait_for(lambda: len(window(store).records) == 20)
    monkeypatch.setattr(request_log, "_SECONDS", 0.2)
    log.add(make(time=now()))
    log.close()
    assert len(window(store).records) == 26

    patient = RequestLog(store, "skin", NAMES)
    patient.add(make(time=now()))
    wait_for(lambda: len(window(store).records) == 27)
    patient.close()


def test_another_models_requests_are_not_read(store, log):
    other = RequestLog(store, "skin-candidate", NAMES)
    other.add(make(time=now()))
    other.close()
    assert window(store).records == []


def test_a_store_that_is_away_neither_delays_nor_fails_and_losses_are_told(store, monkeypatch, caplog):
    monkeypatch.setattr(request_log, "_WAITING", 5)
    monkeypatch.setattr(request_log, "_SECONDS", 0.1)
    away, entered = threading.Event(), threading.Event()
    put = store.put_bytes

    def hang(*arguments):
        entered.set()
        assert away.wait(30)
        raise StoreUnavailable("away")

    monkeypatch.setattr(store, "put_bytes", hang)
    log = RequestLog(store, "skin", NAMES)
    log.add(make(time=now()))
    assert entered.wait(10)
    began = time.monotonic()
    for _ in range(8):
        log.add(make(time=now()))
    assert time.monotonic() - began < 15  # the store hangs twice as long
    assert log.lost == 3
    monkeypatch.setattr(store, "put_bytes", put)
    away.set()
    log.close()
    found = window(store)
    assert (len(found.records), found.lost, log.lost) == (5, 4, 4)
    assert "1 requests were not recorded: StoreUnavailable" in caplog.text


def test_losses_that_could_not_be_told_are_told_later(store, monkeypatch):
    monkeypatch.setattr(request_log, "_SECONDS", 0.1)
    put, failures = store.put_bytes, 3

    def fail_at_first(*arguments):
        nonlocal failures
        failures -= 1
        if failures >= 0:
            raise StoreUnavailable("away")
        return put(*arguments)

    monkeypatch.setattr(store, "put_bytes", fail_at_first)
    log = RequestLog(store, "skin", NAMES)
    log.add(make(time=now()))
    wait_for(lambda: failures < 0)
    log.close()
    assert (window(store).lost, log.lost) == (1, 1)


def test_closing_ends_though_the_store_does_not_answer(store, monkeypatch, caplog):
    monkeypatch.setattr(request_log, "_CLOSING_SECONDS", 0.2)
    away = threading.Event()
    monkeypatch.setattr(store, "put_bytes", lambda *arguments: away.wait(30))
    log = RequestLog(store, "skin", NAMES)
    log.add(make(time=now()))
    began = time.monotonic()
    log.close()
    assert time.monotonic() - began < 15
    away.set()
    assert "the last requests were not recorded" in caplog.text


def test_after_closing_requests_are_lost_and_counted(log):
    log.close()
    log.add(make())
    assert log.lost == 1


@pytest.mark.parametrize(
    "wrong",
    [
        make(inputs=[f"s3://pacs/{PHI}.nii.gz"]),
        make(request_id=f"1.2.840.113619.{PHI}"),
        make(probabilities={PHI: 1.0}),
        make(statistics=CaseStatistics(channels={PHI: channel()})),
        make(release=None),
        make(statistics=PHI),
        None,
    ],
)
def test_planted_identities_never_land_in_the_log(store, log, caplog, wrong):
    with caplog.at_level(logging.DEBUG):
        log.add(wrong)
        log.add(make(time=now()))
        log.close()
    (key,) = objects(store)
    written = gzip.decompress(store.get_bytes(key)).decode()
    assert "DOE" not in written + key + caplog.text
    assert "not recorded" in caplog.text
    found = window(store)
    assert (len(found.records), found.lost) == (1, 1)


def test_of_an_input_that_is_asked_again_the_last_answer_counts(store, log):
    begin = now()
    for index, (inputs, risk) in enumerate([(["cd" * 32], 0.1), (["ef" * 32], 0.2), (["cd" * 32], 0.3)]):
        log.add(make(inputs=inputs, volumes_ml={"liver": risk}, time=begin + timedelta(seconds=index)))
    for _ in range(2):
        log.add(make(inputs=[], time=begin))  # tables have no file to know them by
    log.close()
    found = [one.outputs["volume of liver, ml"] for one in window(store).observations()]
    assert sorted(found) == [0.2, 0.3, 1500.0, 1500.0]


@pytest.mark.parametrize("model", ["", "../other", "a/b", "DOE^JANE"])
def test_a_model_whose_name_is_no_part_of_a_key_is_refused(store, model):
    with pytest.raises(InvalidInput, match="letters, digits"):
        RequestLog(store, model, NAMES)


def test_another_schema_is_refused(store):
    key = f"monitoring/requests/skin/{now():%Y-%m-%d}/000000-x.jsonl.gz"
    store.put_bytes(key, gzip.compress(b'{"schema":"medgantry/request-log/0"}\n'))
    with pytest.raises(InvalidInput, match="request-log/1, found medgantry/request-log/0"):
        window(store)


def wait_for(condition) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
