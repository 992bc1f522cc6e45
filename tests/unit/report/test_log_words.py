"""Every figure of a log's profile has a name for people and a unit."""

from support.planted_logs import orders, the_profile

from insource.report.log_words import FIGURES, TOPICS, figure_words


def test_every_figure_has_a_label_of_its_own():
    profile = the_profile(orders(days=8))
    named = [(name, *figure_words(name, profile)) for name, _ in profile.estimates()]
    assert {name.partition(".")[0] for name, _, _ in named} <= set(TOPICS)
    for topic in TOPICS:
        labels = [label for name, label, _ in named if name.startswith(f"{topic}.")]
        assert len(labels) == len(set(labels)), topic
    assert set(FIGURES) <= {name for name, _, _ in named}
