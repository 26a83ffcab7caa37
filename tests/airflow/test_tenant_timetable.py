from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pendulum
import pytest
from airflow.timetables.base import DataInterval, TimeRestriction
from airflow.timetables.trigger import MultipleCronTriggerTimetable
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_convert.airflow.bsda import RunTimes, resolve_bsda
from llm_convert.airflow.timetable import GRACE, TenantTimetable, crons_of, tenant_timetable
from llm_convert.contracts.tenant import TenantConfig

NO_LIMITS = TimeRestriction(earliest=None, latest=None, catchup=False)


def moment(text, zone="Asia/Seoul"):
    return pendulum.instance(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC))


def local(info, zone="Asia/Seoul"):
    return info.run_after.in_timezone(zone).format("ddd YYYY-MM-DD HH:mm")


def of(hours=("23",), days="*", zone="Asia/Seoul"):
    return TenantTimetable(*crons_of(hours, days), timezone=zone)


def walk(timetable, start, count, zone):
    """The runs that follow each other, each asked for a moment after the one before was created."""
    found, last, now = [], None, start
    for _ in range(count):
        info = timetable.next_run(last, NO_LIMITS, now=now)
        found.append(local(info, zone))
        last, now = info.data_interval, info.run_after.add(seconds=5)
    return found


@pytest.mark.parametrize(
    ("times", "days", "crons"),
    [
        (["23"], "*", ("0 23 * * *",)),
        (["21", "9"], "mon-fri", ("0 9,21 * * 1,2,3,4,5",)),
        (["06:30", "18", "7:30"], "5-0", ("0 18 * * 0,5,6", "30 6,7 * * 0,5,6")),
        (["00"], "0-7", ("0 0 * * *",)),
    ],
)
def test_crons(times, days, crons):
    assert crons_of(times, days) == crons


def test_every_night_in_seoul():
    assert walk(of(), moment("2025-11-07T12:00"), 3, "Asia/Seoul") == [
        "Fri 2025-11-07 23:00",
        "Sat 2025-11-08 23:00",
        "Sun 2025-11-09 23:00",
    ]


def test_weekdays_are_the_tenants_own():
    # Monday 08:00 in Seoul is still Sunday in UTC.
    assert walk(of(["08"], "mon-fri"), moment("2025-11-07T09:00"), 2, "Asia/Seoul") == [
        "Mon 2025-11-10 08:00",
        "Tue 2025-11-11 08:00",
    ]


@pytest.mark.parametrize(
    ("start", "hours", "expected"),
    [
        ("2026-03-07T00:00", ["23"], ["Sat 2026-03-07 23:00", "Sun 2026-03-08 23:00", "Mon 2026-03-09 23:00"]),
        ("2026-10-31T00:00", ["23"], ["Sat 2026-10-31 23:00", "Sun 2026-11-01 23:00", "Mon 2026-11-02 23:00"]),
        # 02:30 does not exist on the day the clocks go forward; 01:30 exists twice on the day they go back.
        ("2026-03-07T00:00", ["02:30"], ["Sat 2026-03-07 02:30", "Sun 2026-03-08 03:30", "Mon 2026-03-09 02:30"]),
        ("2026-10-31T00:00", ["01:30"], ["Sat 2026-10-31 01:30", "Sun 2026-11-01 01:30", "Mon 2026-11-02 01:30"]),
    ],
)
def test_new_york_across_daylight_saving(start, hours, expected):
    zone = "America/New_York"
    assert walk(of(hours, zone=zone), moment(start, zone), 3, zone) == expected


def test_unpausing_after_a_long_pause_starts_nothing_where_airflows_own_timetable_does():
    last = DataInterval.exact(pendulum.now("UTC").subtract(days=90))
    hour = pendulum.now("Asia/Seoul").subtract(hours=3).format("HH")
    own = MultipleCronTriggerTimetable(f"0 {hour} * * *", timezone="Asia/Seoul", run_immediately=False)
    arguments = {"last_automated_data_interval": last, "restriction": NO_LIMITS}
    assert own.next_dagrun_info(**arguments).run_after < pendulum.now("UTC"), "Airflow has changed: look again"
    assert of([hour]).next_dagrun_info(**arguments).run_after > pendulum.now("UTC")


@pytest.mark.parametrize("earliest", [None, "2020-01-01T00:00"])
def test_a_first_unpause_starts_nothing_with_or_without_a_start_date_in_the_past(earliest):
    restriction = NO_LIMITS._replace(earliest=earliest and moment(earliest))
    info = of().next_run(None, restriction, now=moment("2025-11-08T00:30"))
    assert local(info) == "Sat 2025-11-08 23:00"


def test_a_run_survives_a_short_outage_of_the_scheduler():
    last = DataInterval.exact(moment("2025-11-06T23:00"))
    assert local(of().next_run(last, NO_LIMITS, now=moment("2025-11-07T23:29"))) == "Fri 2025-11-07 23:00"
    assert local(of().next_run(last, NO_LIMITS, now=moment("2025-11-07T23:31"))) == "Sat 2025-11-08 23:00"


def test_the_same_time_is_never_given_twice():
    last = DataInterval.exact(moment("2025-11-07T23:00"))
    assert local(of().next_run(last, NO_LIMITS, now=moment("2025-11-07T23:05"))) == "Sat 2025-11-08 23:00"


def test_start_and_end_dates_hold():
    later = NO_LIMITS._replace(earliest=moment("2025-12-01T00:00"))
    assert local(of().next_run(None, later, now=moment("2025-11-07T00:00"))) == "Mon 2025-12-01 23:00"
    over = NO_LIMITS._replace(latest=moment("2025-11-01T00:00"))
    assert of().next_run(None, over, now=moment("2025-11-07T00:00")) is None


def test_a_backfill_gets_every_time_however_old():
    asked = TimeRestriction(earliest=moment("2020-01-01T00:00"), latest=None, catchup=True)
    assert local(of().next_run(None, asked, now=moment("2025-11-07T00:00"))) == "Wed 2020-01-01 23:00"


def test_it_survives_serialization():
    timetable = TenantTimetable("0 9 * * *", "30 21 * * 1", timezone="America/New_York", grace=timedelta(minutes=5))
    again = TenantTimetable.deserialize(timetable.serialize())
    assert again == timetable
    assert again.summary == "0 9 * * *, 30 21 * * 1"
    assert again.description.endswith("(America/New_York)")


def test_tenants_with_one_schedule_share_one_timetable():
    sources = {"drive": {"id": "s", "url": "d"}}
    one, two = (TenantConfig(customer_code=code, transform_schedule="23", sources=sources) for code in ("a", "b"))
    assert tenant_timetable(one) is tenant_timetable(two)


@settings(max_examples=80, deadline=None)
@given(
    hours=st.lists(st.integers(0, 23).map(str), min_size=1, max_size=4),
    days=st.sampled_from(["*", "1-5", "sun", "fri-sun"]),
    zone=st.sampled_from(["Asia/Seoul", "America/New_York", "Europe/London", "Australia/Lord_Howe"]),
    now=st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC)),
    paused_hours=st.none() | st.integers(0, 5000),
)
def test_no_run_is_older_than_the_grace_and_its_bsda_is_its_own_time(hours, days, zone, now, paused_hours):
    now = pendulum.instance(now)
    last = None if paused_hours is None else DataInterval.exact(now.subtract(hours=paused_hours))
    info = of(hours, days, zone).next_run(last, NO_LIMITS, now=now)
    assert now - GRACE <= info.run_after <= now.add(days=8)
    assert last is None or info.run_after > last.end
    assert info.data_interval.end == info.run_after
    config = TenantConfig(
        customer_code="t",
        transform_schedule=hours,
        day_of_week=days,
        timezone=zone,
        sources={"d": {"id": "s", "url": "d"}},
    )
    bsda = resolve_bsda(config, "", RunTimes(data_interval_end=info.data_interval.end))
    written = info.run_after.in_timezone(zone)
    # An hour that the clocks skip runs an hour later under the BSDA of the hour that was asked for.
    shift = written - pendulum.from_format(bsda, "YYYYMMDDHHmmss", tz=zone)
    assert abs(shift.total_seconds()) <= 3600
