"""docs/data-format.md says what is in a log."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from mcap.reader import make_reader

from fleetloop.agents.policy import RandomPolicy
from fleetloop.agents.rollout import rollout
from fleetloop.datasets.log import messages
from fleetloop.datasets.log.writer import FORMAT_VERSION, EpisodeWriter
from fleetloop.envs.registration import make_env

PAGE = (Path(__file__).parents[2] / "docs/data-format.md").read_text()
ROW = re.compile(r"^\| `(/[^`]*)` \| `([\w.]+)` \|", re.MULTILINE)


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """A short log with camera, labels and LiDAR."""
    place = tmp_path_factory.mktemp("format")
    env = make_env("fleetloop/LaneFollow-v0", rig="front")
    policy = RandomPolicy(env.action_space.low, env.action_space.high)
    with EpisodeWriter(place) as writer:
        rollout(env, policy, 1, sinks=[writer], max_steps=2)
    env.close()
    (path,) = place.glob("*.mcap")
    return path


def test_every_topic_is_in_the_table_with_its_message(log):
    patterns = [
        (re.compile(topic.replace("NAME", r"\w+").replace("FIELD", r"\w+")), message)
        for topic, message in ROW.findall(PAGE)
    ]
    with log.open("rb") as stream:
        found = {(c.topic, s.name) for s, c, _ in make_reader(stream).iter_messages()}
    assert len(found) > 8
    for topic, name in sorted(found):
        known = [message for pattern, message in patterns if pattern.fullmatch(topic)]
        assert name in known, f"{topic} holds {name}; docs/data-format.md knows {known}"


def test_metadata_and_attachments_are_told(log):
    with log.open("rb") as stream:
        reader = make_reader(stream)
        for record in reader.iter_metadata():
            assert f"`{record.name}`" in PAGE
            for key in record.metadata:
                assert f"`{key}`" in PAGE
        for attachment in reader.iter_attachments():
            assert f"`{attachment.name}`" in PAGE


def test_the_streams_of_channels_are_told(log):
    with log.open("rb") as stream:
        for _, channel, _ in make_reader(stream).iter_messages():
            assert f"`{channel.metadata['stream']}`" in PAGE


def test_messages_are_those_of_the_code():
    told = re.search(r"```protobuf\n(.*?)```", PAGE, re.DOTALL).group(1)
    doc = messages.__doc__.partition("message Array")
    code = (doc[1] + doc[2]).split("\n\n")[0]
    assert told.split() == code.split()
    for name, fields in messages._MESSAGES.items():
        body = re.search(rf"message {name}\b[^{{]*{{(.*?)}}", told, re.DOTALL).group(1)
        assert re.findall(r"(\w+) = \d+", body) == list(fields)


def test_the_version_is_the_current_one():
    assert f"`format_version` is {FORMAT_VERSION}" in PAGE
