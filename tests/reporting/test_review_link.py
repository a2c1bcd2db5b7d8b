from urllib.parse import parse_qs, urlsplit

from alcseg.reporting.review_link import PORT, ReviewLink


def test_a_link_names_case_region_and_whose_review_it_is(tmp_path):
    link = ReviewLink(tmp_path / "two words")
    address = urlsplit(link.to("a&b", 3))
    assert address.netloc == f"127.0.0.1:{PORT}"
    assert parse_qs(address.query) == {"case": ["a&b"], "region": ["3"], "of": ["two words"]}
    assert link.command == f"alcseg review '{tmp_path}/two words'"
