import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from supervisor.boot import ExitCode
from supervisor.child import State
from supervisor.kernel import is_zombie
from tests.supervisor.tree.attack import attack, listening
from tests.supervisor.tree.harness import PATIENCE_S, ROOT, NodeUnderTest, row, until

pytestmark = pytest.mark.slow
MakeNode = Callable[..., NodeUnderTest]


@pytest.fixture
def make_node(tmp_path: Path) -> Iterator[MakeNode]:
    nodes: list[NodeUnderTest] = []

    def make(*children: dict[str, Any], name: str = "node", **options: Any) -> NodeUnderTest:
        nodes.append(NodeUnderTest(tmp_path / name, *children, **options))
        return nodes[-1]

    yield make
    for node in nodes:
        node.close()


def gone(pid: int) -> bool:
    try:
        return is_zombie(pid)
    except ProcessLookupError:
        return True


@pytest.fixture(scope="module")
def sick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeUnderTest]:
    """Each child misbehaves once, all in one tree."""
    node = NodeUnderTest(
        tmp_path_factory.mktemp("sick"),
        row("good", "good"),
        row("killed", "good"),
        row("stopped", "good", hang_s=1.0),
        row("loop-blocked", "blocks_loop_once", hang_s=1.0),
        row("thespian-blocked", "blocks_thespian_once", hang_s=1.0),
        row("raises", "raises_once"),
        row("returns", "returns_early"),
        row("temporary", "raises", restart="temporary"),
        settings={"supervisor": {"restarts_max": 20}},
    )
    node.start()
    killed = node.child("killed", restarts=0)
    os.kill(killed.pid, signal.SIGKILL)
    stopped = node.child("stopped", restarts=0)
    os.kill(stopped.pid, signal.SIGSTOP)
    yield node
    node.close()


class TestChildren:
    @pytest.mark.parametrize(
        ("name", "reason"),
        [
            ("killed", "signal 9"),
            ("stopped", "silent for 1 s"),
            ("loop-blocked", "silent for 1 s"),
            ("thespian-blocked", "silent for 1 s"),
            ("raises", "exit code 70"),
            ("returns", "exit code 70"),
        ],
    )
    def test_a_child_that_fails_is_started_again(
        self, sick: NodeUnderTest, name: str, reason: str
    ) -> None:
        found = sick.child(name, restarts=1)
        assert (found.restarts, found.last_reason) == (1, reason)
        until(lambda: sick.child(name, restarts=1).info.get("incarnation") == 1)

    def test_the_others_do_not_notice(self, sick: NodeUnderTest) -> None:
        sick.child("stopped", restarts=1)
        assert sick.child("good", restarts=0).restarts == 0

    def test_a_temporary_child_is_not_started_again(self, sick: NodeUnderTest) -> None:
        status = sick.status()
        assert status is not None
        child = status.child("temporary")
        assert (child.state, child.restarts, child.last_exit) == (State.STOPPED, 0, 70)

    def test_why_a_child_ended_is_logged_with_its_traceback(self, sick: NodeUnderTest) -> None:
        assert "this process cannot work" in sick.errors()


def test_too_many_restarts_end_the_tree_after_draining_the_others(make_node: MakeNode) -> None:
    node = make_node(row("bad", "raises"), row("good", "good"))
    main = node.start()
    assert main.wait(PATIENCE_S) == ExitCode.GAVE_UP == 70
    assert node.notes() == ["good drained"]
    assert node.marked() == []


def test_a_killed_supervisor_makes_main_boot_a_new_tree(make_node: MakeNode) -> None:
    node = make_node(row("accepts", "accepts"), listen=True)
    node.start()
    before = node.running()
    os.kill(before.supervisor_pid, signal.SIGKILL)
    after = node.running(supervisor_not=before.supervisor_pid)
    assert before.children[0].pid is not None
    assert gone(before.children[0].pid)
    assert served_by(node.port()) == after.children[0].pid
    assert node.terminate() == ExitCode.DRAINED


def test_a_killed_admin_makes_main_boot_a_new_tree(make_node: MakeNode) -> None:
    node = make_node(row("a", "good"))
    node.start()
    before = node.running()
    session = node.session()
    os.kill(node.node_json()["tree"]["admin"]["pid"], signal.SIGKILL)
    node.running(supervisor_not=before.supervisor_pid)
    assert node.session() != session
    assert gone(before.supervisor_pid)
    assert node.terminate() == ExitCode.DRAINED


def test_a_killed_supervisor_takes_its_children_along_when_main_cannot_help(
    make_node: MakeNode,
) -> None:
    node = make_node(row("a", "good"))
    node.start()
    before = node.running()
    node.main.send_signal(signal.SIGSTOP)
    os.kill(before.supervisor_pid, signal.SIGKILL)
    assert before.children[0].pid is not None
    pid = before.children[0].pid
    until(lambda: gone(pid), "the child is gone")
    node.main.send_signal(signal.SIGCONT)
    node.running(supervisor_not=before.supervisor_pid)


def test_a_hung_supervisor_makes_main_boot_a_new_tree(make_node: MakeNode) -> None:
    node = make_node(row("a", "good"), settings={"supervisor_hang_s": 1.0})
    node.start()
    before = node.running()
    os.kill(before.supervisor_pid, signal.SIGSTOP)
    node.running(supervisor_not=before.supervisor_pid)
    assert gone(before.supervisor_pid)


def test_a_tree_that_is_lost_again_and_again_ends_main(make_node: MakeNode) -> None:
    node = make_node(row("a", "kills_supervisor"), settings={"boots_max": 2})
    assert node.start().wait(PATIENCE_S) == ExitCode.TREE_LOST == 71
    assert node.marked() == []


def test_a_killed_main_takes_its_tree_along(make_node: MakeNode) -> None:
    node = make_node(row("a", "good"), row("b", "good"))
    main = node.start()
    node.running()
    assert len(node.tree_pids()) == 5  # admin, logger, supervisor, two children
    main.kill()
    main.wait()
    until(lambda: not node.marked(), "the tree is gone")


def test_a_new_main_sweeps_what_a_dead_one_left_and_does_not_join_it(make_node: MakeNode) -> None:
    node = make_node(row("a", "good"))
    main = node.start()
    before = node.running()
    orphans = node.tree_pids()
    # A stopped supervisor cannot notice that main is dead.
    os.kill(before.supervisor_pid, signal.SIGSTOP)
    main.kill()
    main.wait()
    assert set(node.marked()) == set(orphans)
    node.start()
    node.running(supervisor_not=before.supervisor_pid)
    assert all(gone(pid) for pid in orphans)
    assert node.terminate() == ExitCode.DRAINED


def test_a_second_main_is_refused_and_the_first_unharmed(make_node: MakeNode) -> None:
    node = make_node(row("a", "good"))
    first = node.start()
    before = node.running()
    assert node.start().wait(PATIENCE_S) == ExitCode.ALREADY_RUNNING == 75
    assert f"belongs to a running node (pid {first.pid})" in node.errors()
    node.mains.reverse()
    assert node.running().supervisor_pid == before.supervisor_pid
    assert node.terminate() == ExitCode.DRAINED


def test_two_nodes_run_side_by_side(make_node: MakeNode) -> None:
    nodes = [make_node(row("a", "good"), name=name) for name in ("one", "two")]
    for node in nodes:
        node.start()
    for node in nodes:
        node.running()
    assert [node.terminate() for node in nodes] == [ExitCode.DRAINED, ExitCode.DRAINED]


class TestDrain:
    def test_sigterm_drains_stage_by_stage(self, make_node: MakeNode) -> None:
        node = make_node(
            row("last", "good", stage=2),
            row("middle", "slow_to_drain", stage=1),
            row("first", "slow_to_drain", stage=0),
            row("first-too", "good", stage=0),
        )
        node.start()
        node.running()
        assert node.terminate() == ExitCode.DRAINED == 0
        assert node.notes() == [
            "first-too drained",
            "first drained",
            "middle drained",
            "last drained",
        ]
        assert node.marked() == []

    def test_a_child_past_its_deadline_is_killed(self, make_node: MakeNode) -> None:
        node = make_node(
            row("stuck", "never_drains", shutdown_s=0.3), row("later", "good", stage=1)
        )
        node.start()
        node.running()
        assert node.terminate() == ExitCode.CUT == 73
        assert node.notes() == ["later drained"]
        status = node.status()
        assert status is not None
        assert status.child("stuck").last_reason == "not drained after 0.3 s"

    def test_a_task_that_a_finished_process_leaves_behind_keeps_nobody_waiting(
        self, make_node: MakeNode
    ) -> None:
        node = make_node(row("deaf", "leaves_a_deaf_task", shutdown_s=5))
        node.start()
        node.running()
        assert node.terminate() == ExitCode.DRAINED
        assert node.notes() == ["deaf left _never_ends"]

    def test_a_second_signal_stops_at_once(self, make_node: MakeNode) -> None:
        node = make_node(row("stuck", "never_drains", shutdown_s=600))
        node.start()
        node.running()
        node.main.send_signal(signal.SIGTERM)
        until(lambda: (status := node.status()) and status.draining)
        assert node.terminate() == ExitCode.CUT
        assert node.marked() == []

    def test_a_signal_to_the_whole_tree_stops_it_in_order_all_the_same(
        self, make_node: MakeNode
    ) -> None:
        node = make_node(row("last", "good", stage=1), row("first", "slow_to_drain"))
        node.start()
        node.running()
        for pid in node.tree_pids():
            os.kill(pid, signal.SIGTERM)
        assert node.terminate() == ExitCode.DRAINED
        assert node.notes() == ["first drained", "last drained"]


class TestSockets:
    def test_children_share_a_listening_socket_and_it_survives_them(
        self, make_node: MakeNode
    ) -> None:
        node = make_node(row("a", "accepts"), row("b", "accepts"), listen=True)
        node.start()
        pids = {child.pid for child in node.running().children}
        until(lambda: {served_by(node.port()) for _ in range(20)} == pids, "both accept")
        a, b = node.child("a", restarts=0).pid, node.child("b", restarts=0).pid
        os.kill(a, signal.SIGKILL)
        assert served_by(node.port()) == b
        a = node.child("a", restarts=1).pid
        until(lambda: {served_by(node.port()) for _ in range(20)} == {a, b}, "the new one accepts")

    def test_only_the_public_socket_is_reachable_and_no_port_unpickles(
        self, make_node: MakeNode, tmp_path: Path
    ) -> None:
        node = make_node(row("a", "accepts"), row("b", "good"), listen=True)
        node.start()
        before = node.running()
        pids = [node.main.pid, *node.tree_pids()]
        ports = listening(pids)
        public = ("0.0.0.0", node.port())
        assert public in ports
        private = ports - {public}
        assert {address for address, _ in private} == {"127.0.0.1"}
        # main, admin, logger, supervisor and two children each have one
        assert len(private) == 6
        trace = tmp_path / "executed"
        for address in sorted(private):
            attack(address, trace)
        assert not trace.exists()
        # and the tree does not suffer
        os.kill(node.child("b", restarts=0).pid, signal.SIGKILL)
        node.child("b", restarts=1)
        after = node.status()
        assert after is not None
        assert after.supervisor_pid == before.supervisor_pid
        assert node.terminate() == ExitCode.DRAINED


def test_a_storm_of_log_lines_that_nobody_reads_stops_no_loop(make_node: MakeNode) -> None:
    # Thespian's forwarder writes 300 lines a second: it would be at it for minutes. A pipe without
    # a reader takes 64 KiB: plain writes would never come back.
    node = make_node(row("storm", "storms", hang_s=2.0, settings={"lines": 30_000}))
    node.start(stderr=subprocess.PIPE)
    storm = until(lambda: (s := node.status()) and (c := s.child("storm")).info.get("lines") and c)
    assert storm.restarts == 0
    assert node.terminate() == ExitCode.DRAINED


def test_a_main_with_threads_is_refused(tmp_path: Path) -> None:
    script = f"""
import threading, time
from pathlib import Path
from supervisor.boot import Node, serve
from supervisor.child import Child
threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
raise SystemExit(serve(Node([Child("a", "x:y")], Path({str(tmp_path / "run")!r}))))
"""
    ended = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert ended.returncode == ExitCode.NOT_STARTED == 72
    assert "has threads" in ended.stderr


def served_by(port: int) -> int:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        return int(connection.recv(100))
