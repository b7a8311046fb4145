"""Two stacks on one machine, as of two checkouts: neither takes the other's ports, servers or files."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from local import processes, servers, stack
from local.stack import Folder, Record


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[list[Folder]]:
    """Two stacks' folders; nothing of the stacks is left afterwards."""
    made = [Folder(tmp_path / name) for name in ("one", "two")]
    for folder in made:
        folder.root.mkdir()
    yield made
    for folder in made:
        stack.down(folder.root)


def started(folder: Folder) -> Record:
    """What runs, after `up` as far as it starts servers."""
    record = folder.read()
    stack.start_servers(folder, record, "table", say=lambda _: None)
    return record


def pids(folder: Folder) -> list[list[int]]:
    return [processes.find(folder.mark(server)) for server in stack.SERVERS]


def answers(folder: Folder, record: Record) -> bool:
    return servers.emulator_is_up(record.emulator_port, folder.certificate) and servers.ocr_is_up(record.ocr_port)


def test_stacks_that_start_at_once_stand_side_by_side_and_end_alone(
    folders: list[Folder], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Both choose before either has taken the port: the worst that starting at once can do.
    free_port, both_chose = processes.free_port, threading.Barrier(2)
    usual = {stack.EMULATOR_PORT: free_port(0), stack.OCR_PORT: free_port(0)}
    chosen = threading.local()

    def chosen_together(port: int) -> int:
        if port not in usual or hasattr(chosen, str(port)):
            return free_port(usual.get(port, port))
        setattr(chosen, str(port), True)
        both_chose.wait(20)
        return usual[port]

    monkeypatch.setattr(processes, "free_port", chosen_together)
    with ThreadPoolExecutor(2) as executor:
        one, two = executor.map(started, folders)
    first, second = folders
    assert len({one.emulator_port, two.emulator_port, one.ocr_port, two.ocr_port}) == 4
    assert {one.emulator_port, two.emulator_port} & set(usual.values())
    assert answers(first, one)
    assert answers(second, two)
    assert all(pids(first) + pids(second))

    running = pids(second)
    assert stack.down(first.root)
    assert not any(pids(first))
    assert answers(second, two)
    assert pids(second) == running


def test_a_stack_whose_emulator_has_died_comes_back_with_an_ocr_service_that_works(folders: list[Folder]) -> None:
    folder = folders[0]
    before = started(folder)
    emulator, service = pids(folder)
    assert emulator
    assert service
    processes.stop(folder.mark("aws"))
    after = started(folder)
    assert answers(folder, after)
    assert before.ocr_port == after.ocr_port
    new_emulator, new_service = pids(folder)
    # Its temporary files went with the emulator's.
    assert not set(new_service) & set(service)
    assert not set(new_emulator) & set(emulator)
    assert (folder.tmp / "ocr").is_dir()
