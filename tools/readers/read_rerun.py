"""`rerun rrd verify`, and what the file holds."""

import subprocess
import sys
from pathlib import Path

files = sorted(Path(sys.argv[1]).glob("*.rrd"))
cli = Path(sys.executable).with_name("rerun")
done = subprocess.run([str(cli), "rrd", "verify", *map(str, files)], capture_output=True, text=True)
assert done.returncode == 0, done.stdout + done.stderr
told = subprocess.run([str(cli), "rrd", "stats", str(files[0])], capture_output=True, text=True)
assert told.returncode == 0, told.stdout + told.stderr
print((done.stdout + done.stderr).strip().splitlines()[-1])
