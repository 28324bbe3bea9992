"""Given: wrong arguments get a sentence that says what to pass instead."""

import pytest
import scenarios

import capi2kit as c2
from capi2kit.given import name_of

WHOLE = "needed is the analysis (what `analyse` returned)"
PLOTS = ("startup", "timeline", "savings", "hosts", "signers", "targets", "outcomes", "task", "chain", "freshness")
QUESTIONS = ("whatif", "prefetch", "accounts", "error_records", "show", "remedy", "headline")


@pytest.fixture(scope="module")
def a():
    return scenarios.analysed("fix-before", None)


def called(name, given):
    if name == "plot_task" and given is not None:
        return c2.plot_task(given)
    return getattr(c2, name)(given)


@pytest.mark.parametrize("name", [*(f"plot_{one}" for one in PLOTS), *QUESTIONS])
def test_every_question_and_plot_takes_the_analysis_and_names_it_where_it_was_given_something_else(name, a):
    assert called(name, a) is not None
    for given, said in (
        ("WEB01.evtx", "'WEB01.evtx' is a name; pass c2.analyse(c2.load('WEB01.evtx'))"),
        (a.case, "this is a case; pass c2.analyse(case)"),
        (c2.analyse, "this is the function 'analyse', not what it returns"),
        (3, "this is of type int, and no table"),
        (a.case.problems, "this is table 'problems'"),
    ):
        if name == "plot_chain" and given is a.case:
            continue  # the chains are a table of the case: it is enough
        with pytest.raises(c2.TableError) as err:
            called(name, given)
        assert said in str(err.value) and WHOLE in str(err.value), given


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda a: c2.analyse("x.evtx"), "'x.evtx' is a name; pass c2.load('x.evtx')"),
        (c2.analyse, "this is an analysis already"),
        (lambda a: c2.compare(a, "x.evtx"), "pass c2.analyse(c2.load('x.evtx'))"),
        (lambda a: c2.compare(a.case, a), "pass c2.analyse(case)"),
        (lambda a: c2.save(a.waits, "x.html"), "this is table 'waits'"),
        (lambda a: c2.redact(a, "key"), "this is an analysis already"),
        (lambda a: c2.card(a.waits), "has no card; pass what c2.analyse or c2.load returned"),
        (c2.view, "name one of its tables: c2.view(a, 'waits'); there are spans, waits"),
        (lambda a: c2.view(a, "nothing"), "there is no table 'nothing'"),
        (lambda a: c2.view(a.waits, columns=["nothing"]), "there is no column 'nothing'; there are event"),
        (lambda a: c2.explain(3.5), "pass a text such as '80092013', or a number"),
    ],
)
def test_the_others_say_it_too(call, said, a, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(c2.TableError) as err:
        call(a)
    assert said in str(err.value)
    assert not list(tmp_path.iterdir())


def test_nothing_that_fits_is_said_with_what_to_give(a):
    with pytest.raises(c2.NoEvents, match="nothing in the log matches 'zzz': give a TaskId or its beginning"):
        c2.show(a, "zzz")
    with pytest.raises(c2.KnowledgeError, match=r"no remedy 'zzz'; there are .*allow-pki-hosts"):
        c2.remedy(a, "zzz")


@pytest.mark.parametrize("table", ["waits", "spans", "startups", "findings", "ledger", "delays"])
def test_a_table_is_known_by_its_columns_and_a_part_of_it_too(table, a):
    whole = getattr(a, table)
    assert name_of(whole) == name_of(whole.head(1)) == table
    assert name_of(whole[[]]) is None
