"""rosbags' AnyReader: every message decoded, times in order, clouds and pictures of full size."""

import sys
from pathlib import Path

import numpy as np
from rosbags.highlevel import AnyReader

bags = sorted(p.parent for p in Path(sys.argv[1]).glob("*/metadata.yaml"))
messages, topics = 0, set()
for bag in bags:
    with AnyReader([bag]) as reader:
        last = 0
        for connection, t_ns, raw in reader.messages():
            message = reader.deserialize(raw, connection.msgtype)
            assert t_ns >= last
            last = t_ns
            messages += 1
            topics.add(connection.topic)
            stamp = getattr(getattr(message, "header", None), "stamp", None)
            if stamp is not None:
                assert stamp.sec * 10**9 + stamp.nanosec <= t_ns, "captured after it arrived"
            if connection.msgtype == "sensor_msgs/msg/PointCloud2":
                assert len(message.data) == message.row_step * message.height
                assert message.fields[0].name == "x"
            if connection.msgtype == "sensor_msgs/msg/Image":
                assert len(message.data) == message.step * message.height
            if connection.msgtype == "sensor_msgs/msg/CameraInfo":
                assert message.k[0] > 0
                assert np.isclose(message.k[8], 1.0)
assert {"/tf", "/tf_static", "/action", "/reward"} <= topics
print(f"{len(bags)} bags, {messages} messages, {len(topics)} topics")
