"""How many mutants of a package its tests let live: a sample drawn by cosmic-ray.

    pip install cosmic-ray==8.7.0
    python benchmarks/mutation.py metrics tests/metrics
    python benchmarks/mutation.py correction tests/correction --count 40 --seed 0

Run it in a clean clone: it edits src/ in place, one mutant after the other, and restores each.
"""

import argparse
import random
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

CONFIG = """
[cosmic-ray]
module-path = "src/alcseg/{package}"
timeout = 300.0
excluded-modules = []
test-command = "{python} -m pytest -q -n0 -x -p no:cacheprovider {tests}"
[cosmic-ray.distributor]
name = "local"
"""


def main() -> None:
    """Draw a sample, run the tests on each mutant and print what survived."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("package")
    parser.add_argument("tests", nargs="+")
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if subprocess.run(["git", "diff", "--quiet", "--", "src"], check=False).returncode:
        raise SystemExit("src/ has changes. Mutants are written into it: use a clean clone.")
    with tempfile.TemporaryDirectory() as folder:
        config, database = Path(folder) / "config.toml", Path(folder) / "mutants.sqlite"
        tests = " ".join(options.tests)
        config.write_text(CONFIG.format(package=options.package, python=sys.executable, tests=tests))
        cosmic_ray = [sys.executable, "-m", "cosmic_ray.cli"]
        subprocess.run([*cosmic_ray, "init", config, database], check=True)
        with sqlite3.connect(database) as connection:
            possible = keep_sample(connection, options.count, options.seed)
        subprocess.run([*cosmic_ray, "exec", config, database], check=True)
        with sqlite3.connect(database) as connection:
            survivors = connection.execute(
                "select m.module_path, m.start_pos_row, m.operator_name from work_results r "
                "join mutation_specs m on m.job_id = r.job_id where lower(r.test_outcome) like '%survived%'"
            ).fetchall()
    count = min(options.count, possible)
    print(f"{options.package}: {len(survivors)} of {count} survived, {possible} possible")
    for path, row, operator in sorted(survivors):
        print(f"  {path}:{row} {operator}")


def keep_sample(connection: sqlite3.Connection, count: int, seed: int) -> int:
    """Drop all mutants but ``count`` of those that decide something; the number that do is returned."""
    query = (
        "select job_id, module_path, operator_name, start_pos_row from mutation_specs "
        "order by module_path, operator_name, occurrence"  # job ids are drawn anew each time
    )
    mutants = [mutant for mutant in connection.execute(query) if _decides(*mutant[1:])]
    random.Random(seed).shuffle(mutants)
    kept = {job for job, *_ in mutants[:count]}
    for table in ("mutation_specs", "work_items"):
        jobs = {job for (job,) in connection.execute(f"select job_id from {table}")}
        connection.executemany(f"delete from {table} where job_id = ?", [(job,) for job in jobs - kept])
    return len(mutants)


def _decides(path: str, operator: str, row: int) -> bool:
    """Whether a mutant is more than another way to write the type ``A | None``."""
    line = Path(path).read_text().splitlines()[row - 1]
    return not ("BitOr" in operator and ("None" in line or ":" in line))


if __name__ == "__main__":
    main()
