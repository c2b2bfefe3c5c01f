"""The matrix of other processors' code: what it sets is documented, and nothing else gets in."""

from pathlib import Path

import pytest

import dispatch_matrix

PAGE = (Path(__file__).parents[1] / "docs" / "testing.md").read_text()


def test_the_page_names_each_run_and_what_it_chooses() -> None:
    for name, chosen in dispatch_matrix.dispatches().items():
        family = name.partition("-")[0].partition(",")[0]
        assert f"`{family}" in PAGE, name
        if not family.startswith("an old"):
            for variable in chosen.keys() - dispatch_matrix.TWO.keys():
                assert variable in PAGE or variable == "TEST_ONNX_OPTIMISATION", variable


def test_what_the_environment_says_already_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    for chosen in dispatch_matrix.dispatches().values():
        for name in chosen:
            monkeypatch.setenv(name, "as the machine has it")

    assert not {"OPENBLAS_CORETYPE", "FAISS_OPT_LEVEL", "OMP_NUM_THREADS", "OPENCV_IPP"} & set(
        dispatch_matrix.clean_environment()
    )
