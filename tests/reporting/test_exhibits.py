"""What a report shows of a study that repeats no paper."""

from alcseg.reporting.exhibits import exhibits
from alcseg.reporting.pages import write_benchmark_report
from alcseg.reporting.records import Benchmark

SHOWN = ["overview", "results-few", "results-more", "cases-few", "costs"]


def test_a_study_without_a_paper(fake, tmp_path):
    fake.write_plan(reference=None)
    fake.add_images()
    benchmark = Benchmark.open(fake.root)
    found = exhibits(benchmark)
    assert [exhibit.name for exhibit in found] == SHOWN
    assert write_benchmark_report(benchmark, found, tmp_path) == SHOWN
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "16 of 16 runs" in page
    assert "aper" not in page.replace("lineage", "").replace("<dd>paper</dd>", "")  # the word of the protocol
