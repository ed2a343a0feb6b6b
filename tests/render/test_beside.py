"""Work beside the rendering: in order, bounded, and errors reach the caller."""

import threading

import pytest

from recon.render.beside import MOST_WAITING, beside


def test_results_come_in_order_from_another_thread():
    here = threading.get_ident()
    results = list(beside(lambda x: (x * x, threading.get_ident() != here), range(7)))
    assert results == [(x * x, True) for x in range(7)]


def test_few_items_wait():
    made, done = [], []

    def items():
        for i in range(20):
            made.append(i)
            assert len(made) - len(done) <= MOST_WAITING + 2
            yield i

    for result in beside(lambda x: x, items()):
        done.append(result)
    assert done == list(range(20))


@pytest.mark.parametrize("side", ["work", "items"])
def test_errors_are_raised_here(side):
    def items():
        yield 1
        yield 0 if side == "work" else 1 // 0

    with pytest.raises(ZeroDivisionError):
        list(beside(lambda x: 1 / x, items()))
