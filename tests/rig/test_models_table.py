from model_studio.catalog import ALL_MODELS
from rig.models_table import FILE, HEADER, text


def test_the_page_says_what_the_catalog_says() -> None:
    assert FILE.read_text("utf-8") == text()


def test_each_model_has_a_row_with_all_cells() -> None:
    rows = [line.strip("| ").split(" | ") for line in text().splitlines() if line.startswith("| ")][2:]
    assert [row[0].removesuffix(" (legacy)") for row in rows] == [model.name for model in ALL_MODELS]
    assert {len(row) for row in rows} == {len(HEADER)}
