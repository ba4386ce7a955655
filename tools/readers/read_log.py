"""The logs themselves: mcap's reader with protobuf, and `pymcap-cli doctor`."""

import json
import subprocess
import sys
from pathlib import Path

from mcap.reader import make_reader

messages = 0
logs = sorted(Path(sys.argv[1]).glob("*.mcap"))
for path in logs:
    with path.open("rb") as stream:
        reader = make_reader(stream, validate_crcs=True)
        summary = reader.get_summary()
        metas = {m.name for m in reader.iter_metadata()}
        assert {"fleetloop.episode", "fleetloop.outcome"} <= metas, metas
        assert [a.name for a in reader.iter_attachments()] == ["calibration.json"]
        count = sum(1 for _ in reader.iter_messages())
        assert count == summary.statistics.message_count
        messages += count
    cli = Path(sys.executable).with_name("pymcap-cli")
    done = subprocess.run([str(cli), "doctor", str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    json.dumps(done.stdout)
print(f"{len(logs)} logs, {messages} messages, doctor clean")
