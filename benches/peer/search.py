"""Our search beside faiss-cpu's flat index, as it comes from PyPI: one query alone, and 64 at once.

    python3 -m venv target/peer-python && target/peer-python/bin/pip install -r benches/peer/requirements.txt
    target/peer-python/bin/python benches/peer/search.py

Each round runs our bench (`cargo bench --bench search -- --json`) and then faiss-cpu on as many vectors of the same kind,
with the same numbers of threads, in one process per side; medians over the rounds are printed.
"""

import json
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from statistics import median

import faiss
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
ROUNDS, SEARCHES, CROWDS, COMPANY, DIM, ROWS = 3, 200, 20, 64, 256, 25


def ours() -> list[dict]:
    command = ["cargo", "bench", "--quiet", "--bench", "search", "--", "--json"]
    ran = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]


def unit(count: int, random: np.random.Generator) -> np.ndarray:
    values = random.uniform(-1, 1, (count, DIM)).astype(np.float32)
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def microseconds(work) -> float:
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1e6


def theirs(threads: int, vectors: int) -> dict:
    """As many rows are asked for as our five products have, since faiss knows no products."""
    faiss.omp_set_num_threads(threads)
    random = np.random.default_rng(1)
    index = faiss.IndexFlatIP(DIM)
    index.add(unit(vectors, random))
    alone = [microseconds(lambda: index.search(unit(1, random), ROWS)) for _ in range(SEARCHES)]
    company = [microseconds(lambda: index.search(unit(COMPANY, random), ROWS)) / COMPANY for _ in range(CROWDS)]
    return {"search_us": median(alone), "company_us": median(company)}


def main() -> None:
    if Path.cwd() != ROOT:
        sys.exit(f"run it from {ROOT}: cargo's settings are read from there")
    figures = defaultdict(lambda: defaultdict(list))
    for _ in range(ROUNDS):
        for row in ours():
            key = (row["threads"], row["vectors"])
            for name in ("search_us", "read_us", "company_us"):
                figures[key][name].append(row[name])
            for name, value in theirs(*key).items():
                figures[key]["faiss_" + name].append(value)
    print(f"faiss-cpu {faiss.__version__}; medians of {ROUNDS} rounds; µs per query")
    print(f"{'threads':>7} {'vectors':>8} {'read':>8} | {'alone':>8} {'faiss':>8} | {'of 64':>8} {'faiss':>8}")
    for (threads, vectors), row in sorted(figures.items()):
        values = [median(row[n]) for n in ("read_us", "search_us", "faiss_search_us", "company_us", "faiss_company_us")]
        read, alone, their_alone, company, their_company = values
        print(
            f"{threads:>7} {vectors:>8} {read:>8.0f} | {alone:>8.0f} {their_alone:>8.0f} | {company:>8.1f} {their_company:>8.1f}"
        )


if __name__ == "__main__":
    main()
