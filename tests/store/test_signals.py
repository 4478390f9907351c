"""Signals: everybody who waits for a subject is told, and nobody else."""

from __future__ import annotations

from forebay.core.clock import Instant
from forebay.store.signals import Signals, Topic, queued_subject, read_queued


def test_a_signal_reaches_everybody_who_asked_for_its_topic() -> None:
    signals, told = Signals(), list[str]()
    signals.on(Topic.QUEUED, told.append)
    signals.on(Topic.QUEUED, lambda subject: told.append(subject.upper()))
    signals.on(Topic.CANCELLED, told.append)
    signals.send(Topic.QUEUED, "tiny")
    assert told == ["tiny", "TINY"]


def test_a_watcher_is_told_of_its_own_subject_alone() -> None:
    signals = Signals()
    with signals.watch(Topic.CHANGED, "a") as a, signals.watch(Topic.CHANGED, "b") as b:
        signals.send(Topic.CHANGED, "a")
        assert a.is_set()
        assert not b.is_set()


def test_a_watcher_that_left_is_told_nothing_more() -> None:
    signals = Signals()
    with signals.watch(Topic.CHANGED, "a") as first, signals.watch(Topic.CHANGED, "a"):
        pass
    signals.send(Topic.CHANGED, "a")
    assert not first.is_set()


def test_what_is_sent_is_carried_on_and_what_is_delivered_is_not() -> None:
    signals, carried = Signals(), list[tuple[Topic, str]]()
    signals.carry(lambda topic, subject: carried.append((topic, subject)))
    signals.send(Topic.CHANGED, "a")
    signals.deliver(Topic.CHANGED, "b")
    assert carried == [(Topic.CHANGED, "a")]


def test_a_model_with_any_name_is_told_with_its_place() -> None:
    subject = queued_subject("acme/tiny model", (1, Instant(1234)))
    assert read_queued(subject) == ("acme/tiny model", (1, Instant(1234)))
