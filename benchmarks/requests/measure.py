"""How well requests in words are read: held-out paraphrases, Japanese, and what is out of scope.

Run `python benchmarks/requests/measure.py [e5|ngram]`. The sentences beside this file were written
before the lexicon and are never fitted to.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path

from fleetloop.agents.language.resolve import Resolver

FOLDER = Path(__file__).parent


def sentences(name: str) -> list[tuple[str, str]]:
    """Pairs of the right request's id (`-` if there is none) and a sentence."""
    lines = (FOLDER / f"{name}.tsv").read_text(encoding="utf-8").splitlines()
    return [(line.split("\t")[0], line.split("\t")[1]) for line in lines if line]


def outcome(resolver: Resolver, right: str, text: str, body: str | None) -> str:
    """`right`, `wrong`, or what else the sentence was taken for."""
    first = resolver.resolve(text, body)
    asked = [reading.request.id for reading in first if reading.request is not None]
    if asked:
        return "right" if asked == [right] else "wrong"
    return first[0].meaning


def main() -> None:
    """Prints one row a set."""
    resolver = Resolver(embedder=sys.argv[1] if len(sys.argv) > 1 else None)
    bodies = {request.id: request.body for request in resolver.lexicon.requests}
    print(f"embedder {resolver.embedder.key}")
    for name in ("held_out_en", "held_out_ja", "out_of_scope"):
        rows = sentences(name)
        for known in (False, True) if name != "out_of_scope" else (False,):
            began = time.process_time()
            counts = Counter(
                outcome(resolver, right, text, bodies[right] if known else None)
                for right, text in rows
            )
            each_ms = 1e3 * (time.process_time() - began) / len(rows)
            shares = ", ".join(f"{k} {100 * n / len(rows):.1f} %" for k, n in counts.most_common())
            print(f"{name} (n={len(rows)}, body {'known' if known else 'unknown'}): {shares}; "
                  f"{each_ms:.1f} CPU-ms each")  # fmt: skip


if __name__ == "__main__":
    main()
