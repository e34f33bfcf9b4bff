import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.errors import Unavailable
from domain.events import (
    CertificateRequested,
    ChargerBooted,
    ChargerConnected,
    ChargerDisconnected,
    ChargerEnrolled,
    CommandFinished,
    CommandFollowed,
    ConnectionRefused,
    ConnectorStatusReported,
    DataTransferred,
    DiagnosticsStatusReported,
    EnergyMeasured,
    Event,
    FirmwareStatusReported,
    HeartbeatReceived,
    LogStatusReported,
    MessageExchanged,
    Sample,
    SecurityEventReported,
    TokenChecked,
    TransactionEndedProvisionally,
    TransactionStarted,
)
from domain.records import ChargerRecord
from storage.relational.engine import open_engine
from storage.relational.projector import FOLDS, Projector
from storage.relational.registry import Registry
from storage.relational.tables import (
    certificate_requests,
    charger_states,
    chargers,
    commands,
    connectors,
    data_transfers,
    journal_positions,
    metadata,
    progress_reports,
    quarantine,
    refusals,
    security_events,
    transactions,
)
from tests.storage.relational.kit import SECOND, T0, Journal, row, rows

ENERGY = "Energy.Active.Import.Register"


@pytest.fixture
def journal(store: AsyncEngine) -> Journal:
    return Journal(store)


def energy(value: float, at_s: int = 0, unit: str = "Wh", **more: str) -> Sample:
    return Sample(T0 + at_s * SECOND, ENERGY, value, unit, **more)


def status(connector: int, name: str, at_s: int = 0, **more: str) -> ConnectorStatusReported:
    return ConnectorStatusReported(connector, name, T0 + at_s * SECOND, **more)


def refused(path: str) -> ConnectionRefused:
    return ConnectionRefused(path, "10.0.0.1", 404, "unknown_charger")


def test_every_kind_of_event_has_its_place() -> None:
    assert set(FOLDS) == set(Event.__args__)


class TestOnce:
    async def test_entries_count_once_however_often_they_are_applied(
        self, store: AsyncEngine, journal: Journal
    ) -> None:
        for number in range(5):
            journal.write("A", refused(f"/{number}"))
        assert await journal.projector.apply("journal-a", journal.rows[:3]) == (3, 3, 0, 0)
        assert await journal.projector.apply("journal-a", journal.rows) == (5, 2, 0, 0)
        assert await journal.projector.apply("journal-a", journal.rows) == (5, 0, 0, 0)
        assert len(await rows(store, refusals)) == 5
        assert await journal.projector.position("journal-a") == 5
        assert await journal.projector.position("journal-b") == 0

    async def test_journals_have_positions_of_their_own(
        self, store: AsyncEngine, journal: Journal
    ) -> None:
        other = Journal(store, "journal-b")
        await journal.say("A", refused("/a"))
        await other.say("A", refused("/b"))
        assert {one["path"] for one in await rows(store, refusals)} == {"/a", "/b"}
        assert [one["uuid"] for one in await rows(store, journal_positions)] == [
            "journal-a",
            "journal-b",
        ]

    async def test_projecting_everything_again_gives_the_same_rows(
        self, store: AsyncEngine, journal: Journal
    ) -> None:
        journal.write("A", ChargerConnected("r", "ocpp1.6", 1, "gw0"), ChargerBooted("V", "M"))
        journal.write("A", status(1, "Charging"), refused("/x"))
        journal.write("A", TransactionStarted(1, 1, "T", 0, T0, "t0"))
        journal.write("A", EnergyMeasured(1, 1, (energy(5, 9),)), SecurityEventReported("X", T0))
        await journal.project()
        tables = [table for table in metadata.sorted_tables if table.name != "counters"]
        before = [await rows(store, table) for table in tables]
        async with store.execution_options(writes=True).begin() as connection:
            await connection.execute(journal_positions.delete())
        await journal.project()
        after = [await rows(store, table) for table in tables]
        assert before == after

    async def test_more_than_a_batch_goes_in_several(self, store: AsyncEngine) -> None:
        journal = Journal(store, batch_entries_max=10)
        for number in range(35):
            journal.write("A", refused(f"/{number}"))
        assert await journal.project() == (35, 35, 0, 0)
        assert len(await rows(store, refusals)) == 35

    async def test_nothing_to_do_is_fine(self, journal: Journal) -> None:
        assert await journal.projector.apply("journal-a", []) == (0, 0, 0, 0)


class TestPoison:
    async def test_what_cannot_be_read_is_put_aside_and_the_rest_goes_on(
        self, store: AsyncEngine, journal: Journal
    ) -> None:
        journal.write("A", refused("/1"))
        journal.write_blob(b"\xc1 nonsense")
        journal.write_blob(b"")
        journal.write("A", refused("/2"))
        assert await journal.project() == (4, 2, 2, 0)
        assert len(await rows(store, refusals)) == 2
        first, second = await rows(store, quarantine)
        assert (first["lsn"], first["blob"]) == (2, b"\xc1 nonsense")
        assert first["reason"].startswith("not readable: ")
        assert second["lsn"] == 3
        assert [poison.row.lsn for poison in journal.poisoned] == [2, 3]

    async def test_what_cannot_be_stored_is_found_and_put_aside(
        self, store: AsyncEngine, journal: Journal
    ) -> None:
        for number in range(20):
            journal.write(f"C{number}", HeartbeatReceived())
        journal.write("BAD", ConnectorStatusReported(1 << 63, "Available", T0))
        for number in range(20, 40):
            journal.write(f"C{number}", HeartbeatReceived())
        assert await journal.project() == (41, 40, 1, 0)
        assert len(await rows(store, charger_states)) == 40
        put_aside = await row(store, quarantine)
        assert put_aside["lsn"] == 21
        assert put_aside["reason"].startswith("not storable: ")

    async def test_text_that_no_database_takes_is_cleaned(
        self, store: AsyncEngine, journal: Journal
    ) -> None:
        await journal.say("A", ChargerBooted("a\x00b", "m" * 1_000))
        found = await row(store, charger_states)
        assert found["vendor"] == "ab"
        assert len(found["model"]) == 255
        assert await rows(store, quarantine) == []

    async def test_a_database_that_is_away_is_no_reason_to_put_anything_aside(self) -> None:
        engine = open_engine("postgresql://csms@127.0.0.1:1/none")
        journal = Journal(engine)
        row = journal.write("A", HeartbeatReceived())
        with pytest.raises(Unavailable, match="away"):
            await journal.projector.apply("journal-a", [row])
        with pytest.raises(Unavailable):
            await Projector(engine, lambda: T0).position("journal-a")
        await engine.dispose()

    async def test_a_store_without_tables_is_no_reason_either(self, store_url: str) -> None:
        engine = open_engine(store_url)
        journal = Journal(engine)
        row = journal.write("A", HeartbeatReceived())
        with pytest.raises(Exception, match="journal_positions"):
            await journal.projector.apply("journal-a", [row])
        assert journal.poisoned == []
        await engine.dispose()


class TestChargers:
    async def test_a_boot_is_remembered(self, store: AsyncEngine, journal: Journal) -> None:
        await journal.say("A", ChargerBooted("Old", "M1", "s1"), at_s=1)
        await journal.say("A", ChargerBooted("V", "M2", "s2", "fw", status="Pending"), at_s=5)
        found = await row(store, charger_states)
        assert (found["vendor"], found["model"], found["serial"]) == ("V", "M2", "s2")
        assert (found["firmware"], found["boot_status"]) == ("fw", "Pending")
        assert found["booted_us"] == T0 + 5 * SECOND

    async def test_whatever_it_says_it_was_seen(self, store: AsyncEngine, journal: Journal) -> None:
        for at_s, event in enumerate(
            (HeartbeatReceived(), EnergyMeasured(1, 0, ()), TokenChecked("T", "Accepted")), 1
        ):
            await journal.say("A", event, at_s=at_s)
            assert (await row(store, charger_states))["last_seen_us"] == T0 + at_s * SECOND

    async def test_an_older_journal_does_not_make_it_seen_earlier(
        self, store: AsyncEngine, journal: Journal
    ) -> None:
        await journal.say("A", HeartbeatReceived(), at_s=100)
        await Journal(store, "journal-b").say("A", HeartbeatReceived(), at_s=50)
        assert (await row(store, charger_states))["last_seen_us"] == T0 + 100 * SECOND

    async def test_what_we_say_ourselves_does_not_make_it_seen(
        self, store: AsyncEngine, journal: Journal
    ) -> None:
        await journal.say(
            "A",
            refused("/A"),
            ChargerDisconnected(1006, "lost"),
            MessageExchanged(False, "1", "Reset", "{}", "", "timeout"),
            CommandFinished("c", "Reset", "{}", "timed_out"),
            CommandFollowed("c", "nothing_happened"),
            TransactionEndedProvisionally(1, 1, T0, "boot"),
        )
        assert await rows(store, charger_states) == []

    async def test_connections_come_and_go(self, store: AsyncEngine, journal: Journal) -> None:
        await journal.say("A", ChargerConnected("1.2.3.4:5", "ocpp1.6", 2, "gw0"), generation=7)
        found = await row(store, charger_states)
        assert (found["connected"], found["generation"], found["gateway"]) == (True, 7, "gw0")
        assert (found["remote"], found["subprotocol"]) == ("1.2.3.4:5", "ocpp1.6")
        await journal.say("A", ChargerDisconnected(1006, "lost"), at_s=9, generation=7)
        found = await row(store, charger_states)
        assert (found["connected"], found["close_code"]) == (False, 1006)
        assert found["disconnected_us"] == T0 + 9 * SECOND

    async def test_the_end_of_an_older_connection_changes_nothing(
        self, store: AsyncEngine, journal: Journal
    ) -> None:
        other = Journal(store, "journal-b")
        await other.say("A", ChargerConnected("r", "ocpp1.6", 1, "gw1"), generation=8)
        await journal.say("A", ChargerConnected("r", "ocpp1.6", 1, "gw0"), generation=7)
        await journal.say("A", ChargerDisconnected(1006, "lost"), generation=7)
        found = await row(store, charger_states)
        assert (found["connected"], found["gateway"], found["generation"]) == (True, "gw1", 8)

    async def test_within_one_batch_too(self, store: AsyncEngine, journal: Journal) -> None:
        journal.write("A", ChargerConnected("r", "ocpp1.6", 1, "gw0"), generation=1)
        journal.write("A", ChargerDisconnected(1000, "bye"), generation=1)
        journal.write("A", ChargerConnected("r", "ocpp1.6", 1, "gw0"), generation=2)
        journal.write("B", ChargerConnected("r", "ocpp1.6", 1, "gw0"), generation=3)
        journal.write("B", ChargerDisconnected(1000, "bye"), generation=3)
        await journal.project()
        a, b = await rows(store, charger_states)
        assert (a["connected"], b["connected"]) == (True, False)

    async def test_progress_reports_keep_the_last_of_each_kind(
        self, store: AsyncEngine, journal: Journal
    ) -> None:
        await journal.say("A", FirmwareStatusReported("Downloading"), at_s=1)
        await journal.say("A", FirmwareStatusReported("Installed", 7, signed=True), at_s=2)
        await journal.say("A", DiagnosticsStatusReported("Uploaded"), LogStatusReported("Idle", 3))
        diagnostics, firmware, log = await rows(store, progress_reports)
        assert diagnostics["status"] == "Uploaded"
        assert (firmware["status"], firmware["request"], firmware["signed"]) == (
            "Installed",
            7,
            True,
        )
        assert (log["status"], log["request"]) == ("Idle", 3)


class TestEnrolment:
    async def test_an_enrolled_charger_becomes_a_record_that_may_come_from_its_network_only(
        self, store: AsyncEngine, journal: Journal
    ) -> None:
        await journal.say("NEW", ChargerEnrolled("10.1.2.3/32"))
        record = await Registry(store, lambda: T0).get_charger("NEW")
        assert (record.security_profile, record.networks) == (0, ("10.1.2.3/32",))
        assert record.credential is None
        assert record.revision == 1

    async def test_a_record_that_is_there_is_left_alone(
        self, store: AsyncEngine, journal: Journal
    ) -> None:
        registry = Registry(store, lambda: T0)
        before = await registry.create_charger(ChargerRecord("A", heartbeat_s=7))
        await journal.say("A", ChargerEnrolled("10.0.0.0/8"))
        await journal.say("a", ChargerEnrolled("10.0.0.0/8"))
        assert await registry.list_chargers() == [before]

    async def test_a_deleted_one_is_made_anew(self, store: AsyncEngine, journal: Journal) -> None:
        registry = Registry(store, lambda: T0)
        await registry.create_charger(ChargerRecord("A", heartbeat_s=7))
        await registry.delete_charger("A")
        await journal.say("A", ChargerEnrolled("10.0.0.0/8"))
        assert (await registry.get_charger("A")).heartbeat_s == 0
        assert len(await rows(store, chargers)) == 1


class TestConnectors:
    async def test_the_newest_by_the_chargers_clock_wins(
        self, store: AsyncEngine, journal: Journal
    ) -> None:
        await journal.say("A", status(1, "Charging", 10), at_s=10)
        await journal.say("A", status(1, "Available", 5), at_s=20)
        assert (await row(store, connectors))["status"] == "Charging"
        await journal.say("A", status(1, "Finishing", 11), at_s=21)
        assert (await row(store, connectors))["status"] == "Finishing"

    async def test_at_the_same_instant_the_later_report_wins(
        self, store: AsyncEngine, journal: Journal
    ) -> None:
        await journal.say("A", status(1, "Charging"), status(1, "Faulted"))
        await journal.say("A", status(1, "Available"))
        assert (await row(store, connectors))["status"] == "Available"

    async def test_within_a_batch_as_well(self, store: AsyncEngine, journal: Journal) -> None:
        journal.write("A", status(1, "Charging", 10), at_s=10)
        journal.write("A", status(1, "Available", 5), at_s=11)
        await journal.project()
        assert (await row(store, connectors))["status"] == "Charging"

    async def test_connector_0_is_the_charger_and_overwrites_no_connector(
        self, store: AsyncEngine, journal: Journal
    ) -> None:
        await journal.say("A", status(1, "Charging"), status(2, "Available"))
        await journal.say("A", status(0, "Unavailable"), at_s=9)
        found = {one["connector"]: one["status"] for one in await rows(store, connectors)}
        assert found == {0: "Unavailable", 1: "Charging", 2: "Available"}

    @pytest.mark.parametrize("quality", ["absurd", "missing", "pre_sync"])
    async def test_a_time_that_cannot_be_trusted_does_not_freeze_a_connector(
        self, store: AsyncEngine, journal: Journal, quality: str
    ) -> None:
        await journal.say("A", status(1, "Faulted", 10**9, quality=quality), at_s=1)
        await journal.say("A", status(1, "Available", 2), at_s=2)
        assert (await row(store, connectors))["status"] == "Available"

    async def test_neither_does_one_from_the_far_future(
        self, store: AsyncEngine, journal: Journal
    ) -> None:
        await journal.say("A", status(1, "Faulted", 10**9), at_s=1)
        await journal.say("A", status(1, "Available", 2), at_s=2)
        assert (await row(store, connectors))["status"] == "Available"


class TestMeters:
    @pytest.fixture(autouse=True)
    async def running(self, journal: Journal) -> None:
        await journal.say("A", TransactionStarted(7, 1, "T", 100, T0, "t0"))

    async def meter(self, store: AsyncEngine) -> tuple[int, int]:
        found = await row(store, transactions)
        return found["last_meter_wh"], found["last_meter_us"] - T0

    async def test_it_starts_with_the_transactions(self, store: AsyncEngine) -> None:
        assert (await row(store, transactions))["last_meter_wh"] == 100

    async def test_the_last_reading_is_kept(self, store: AsyncEngine, journal: Journal) -> None:
        for value in (200, 300, 400):
            journal.write("A", EnergyMeasured(1, 7, (energy(value, value),)))
        await journal.project()
        assert await self.meter(store) == (400, 400 * SECOND)
        await journal.say("A", EnergyMeasured(1, 7, (energy(350, 350),)))
        assert await self.meter(store) == (400, 400 * SECOND)

    async def test_units_and_other_samples_are_understood(
        self, store: AsyncEngine, journal: Journal
    ) -> None:
        samples = (
            energy(1.2345, 9, "kWh"),
            energy(99, 99, phase="L1"),
            energy(0, 99, text="signed data"),
            energy(float("nan"), 99),
            energy(float("inf"), 99),
            energy(1e300, 99),
            energy(5, 99, "varh"),
            Sample(T0 + 99 * SECOND, "Power.Active.Import", 7_000, "W"),
        )
        await journal.say("A", EnergyMeasured(1, 7, samples))
        assert await self.meter(store) == (1_234, 9 * SECOND)

    async def test_another_chargers_number_changes_nothing(
        self, store: AsyncEngine, journal: Journal
    ) -> None:
        await journal.say("B", EnergyMeasured(1, 7, (energy(999, 9),)))
        await journal.say("A", EnergyMeasured(1, 8, (energy(999, 9),)))
        await journal.say("A", EnergyMeasured(1, 0, (energy(999, 9),)))
        await journal.say("A", EnergyMeasured(1, -1, (energy(999, 9),)))
        assert await self.meter(store) == (100, -T0)

    async def test_an_alias_counts(self, store: AsyncEngine, journal: Journal) -> None:
        await journal.say("A", TransactionStarted(9, 1, "T", 100, T0, "t0"))
        await journal.say("A", EnergyMeasured(1, 9, (energy(500, 9),)))
        assert await self.meter(store) == (500, 9 * SECOND)

    async def test_a_transaction_that_starts_in_the_same_batch_has_its_reading(
        self, store: AsyncEngine, journal: Journal
    ) -> None:
        journal.write("B", TransactionStarted(70, 1, "T", 100, T0, "t0"))
        journal.write("B", EnergyMeasured(1, 70, (energy(150, 3),)))
        await journal.project()
        found = [one for one in await rows(store, transactions) if one["charger"] == "B"]
        assert found[0]["last_meter_wh"] == 150


class TestCommands:
    FINISHED = CommandFinished(
        "c-1", "Reset", '{"type":"Hard"}', "accepted", '{"status":"Accepted"}', issued_by="op"
    )

    @staticmethod
    def reset(outcome: str = "accepted", at_s: int = 0, action: str = "Reset") -> CommandFinished:
        return CommandFinished("r", action, "{}", outcome, finished_us=T0 + at_s * SECOND)

    @pytest.mark.parametrize("boot_first", [False, True], ids=["in order", "boot projected first"])
    async def test_a_reset_is_followed_by_the_next_boot_on_whatever_connection(
        self, store: AsyncEngine, boot_first: bool
    ) -> None:
        parts = [
            (Journal(store, "gw0"), self.reset(), 0),
            (Journal(store, "gw1"), ChargerBooted("V", "M"), 40),
        ]
        for journal, event, at_s in reversed(parts) if boot_first else parts:
            await journal.say("A", event, at_s=at_s)
        found = await row(store, commands)
        assert (found["follow_end"], found["followed_us"]) == ("booted", T0 + 40 * SECOND)

    @pytest.mark.parametrize(
        ("command", "charger", "boot_s"),
        [
            (("rejected", 0, "Reset"), "A", 40),
            (("accepted", 0, "ClearCache"), "A", 40),
            (("accepted", 0, "Reset"), "B", 40),
            (("accepted", 0, "Reset"), "A", 601),
            (("accepted", 50, "Reset"), "A", 40),
        ],
        ids=["not accepted", "no reset", "another charger", "too late", "before it"],
    )
    async def test_no_other_boot_follows_from_a_reset(
        self, journal: Journal, store: AsyncEngine, command: tuple, charger: str, boot_s: int
    ) -> None:
        journal.write("A", self.reset(*command))
        await journal.say(charger, ChargerBooted("V", "M"), at_s=boot_s)
        assert (await row(store, commands))["follow_end"] == ""

    async def test_what_a_gateway_saw_follow_stays(
        self, journal: Journal, store: AsyncEngine
    ) -> None:
        await journal.say("A", self.reset(), CommandFollowed("r", "nothing_happened"))
        await journal.say("A", ChargerBooted("V", "M"), at_s=40)
        assert (await row(store, commands))["follow_end"] == "nothing_happened"

    @pytest.mark.parametrize("turned", [False, True])
    async def test_an_answer_and_what_it_led_to_meet(
        self, store: AsyncEngine, journal: Journal, turned: bool
    ) -> None:
        events: list[Event] = [self.FINISHED, CommandFollowed("c-1", "booted", detail="Remote")]
        for event in reversed(events) if turned else events:
            await journal.say("A", event)
        found = await row(store, commands)
        assert (found["action"], found["outcome"], found["issued_by"]) == (
            "Reset",
            "accepted",
            "op",
        )
        assert (found["follow_end"], found["follow_detail"]) == ("booted", "Remote")

    async def test_long_answers_are_cut(self, store: AsyncEngine) -> None:
        journal = Journal(store, text_characters_max=100)
        await journal.say(
            "A", CommandFinished("c", "GetConfiguration", "{}", "accepted", "x" * 500)
        )
        assert len((await row(store, commands))["response"]) == 100


class TestLogs:
    async def test_each_kind_has_its_table(self, store: AsyncEngine, journal: Journal) -> None:
        await journal.say(
            "A",
            SecurityEventReported("TamperDetectionActivated", T0 - 5, "door"),
            DataTransferred("vendor", "message", "data", "Accepted"),
            CertificateRequested("-----BEGIN", "Accepted"),
            refused("/A"),
        )
        event = await row(store, security_events)
        assert (event["charger"], event["kind"], event["at_us"]) == (
            "A",
            "TamperDetectionActivated",
            T0 - 5,
        )
        assert (await row(store, data_transfers))["data"] == "data"
        assert (await row(store, certificate_requests))["csr"] == "-----BEGIN"
        refusal = await row(store, refusals)
        assert (refusal["path"], refusal["status"], refusal["reason"]) == (
            "/A",
            404,
            "unknown_charger",
        )

    async def test_the_newest_are_kept(self, store: AsyncEngine) -> None:
        journal = Journal(store, rows_kept_max=30, trim_rows_step=10, batch_entries_max=25)
        for number in range(100):
            journal.write("A", refused(f"/{number}"), at_s=number)
        await journal.project()
        paths = [one["path"] for one in await rows(store, refusals)]
        assert sorted(paths) == sorted(f"/{number}" for number in range(70, 100))

    async def test_quarantine_is_bounded_too(self, store: AsyncEngine) -> None:
        journal = Journal(store, rows_kept_max=5, trim_rows_step=1, batch_entries_max=1)
        for number in range(20):
            journal.rows.append(journal.write_blob(b"\xc1")._replace(committed_us=T0 + number))
            journal.rows.pop(-2)
        await journal.project()
        assert [one["lsn"] for one in await rows(store, quarantine)] != []
        assert len(await rows(store, quarantine)) <= 5
