//! Pages are well-formed, stand on their own, and are there for every kind of run.

use std::collections::BTreeMap;

use super::write_report;
use crate::search::evaluation::LastRound;
use crate::search::evaluation::funnel::{Fate, Reason};
use crate::search::output::{RunRecord, sample};
use crate::search::record::TrialState;

fn page(run: &RunRecord) -> String {
    let times: BTreeMap<u64, f64> = run.trials.iter().map(|t| (t.number, 0.5)).collect();
    page_with(run, &times)
}

fn page_with(run: &RunRecord, step_nanoseconds: &BTreeMap<u64, f64>) -> String {
    let mut bytes = Vec::new();
    write_report(run, step_nanoseconds, &mut bytes).unwrap();
    let page = String::from_utf8(bytes).unwrap();
    check(&page);
    page
}

/// Tags are balanced, attributes quoted, `&` and `<` written as markup; nothing comes from elsewhere, no number is none.
fn check(page: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = page.strip_prefix("<!DOCTYPE html>\n").unwrap();
    while let Some(start) = rest.find('<') {
        check_text(&rest[..start]);
        let end = start + rest[start..].find('>').unwrap();
        let tag = &rest[start + 1..end];
        assert!(!tag.contains('<') && tag.matches('"').count().is_multiple_of(2), "{tag}");
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap();
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric()), "{tag}");
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "{}", &rest[..end]);
        } else if !tag.ends_with('/') {
            open.push(name);
        }
        for outside in ["src=", "href=", "http", "url("] {
            assert!(!tag.contains(outside), "{tag}");
        }
        let is_drawn = !tag.contains("NaN") && !tag.contains("inf\"") && !tag.contains("inf,");
        assert!(is_drawn, "{tag}");
        rest = &rest[end + 1..];
    }
    assert_eq!(rest.trim(), "");
    assert!(open.is_empty(), "{open:?}");
    assert!(!page.contains("<script") && !page.contains("@import") && !page.contains("url("));
}

fn check_text(text: &str) {
    for (at, _) in text.match_indices('&') {
        let entity = text[at..].split(';').next().unwrap();
        assert!(["&amp", "&lt", "&gt", "&quot", "&#39"].contains(&entity), "{text}");
    }
    assert!(!text.contains('>'), "{text}");
}

fn headings(page: &str) -> Vec<&str> {
    page.split("<h2>").skip(1).map(|rest| rest.split('<').next().unwrap()).collect()
}

#[test]
fn a_run_has_every_section() {
    let page = page(&sample::run(400));
    let expected = [
        "Summary",
        "Rewards",
        "The sampler",
        "Learning curves",
        "Tokens",
        "What a rule costs",
        "Best rules",
        "Rules without a result",
    ];
    assert_eq!(headings(&page), expected);
    assert!(page.contains("Time of a step") && page.contains("Memory of the states"));
    assert!(page.contains(">Adam, 0.9200</text>"));
    assert!(page.contains("<th scope=\"row\">distinct rules</th><td>400</td>"));
}

#[test]
fn text_of_the_run_is_never_markup() {
    let mut run = sample::run(40);
    run.task.title = "<script>alert(1)</script> & \"more\"".to_owned();
    run.about.push(("<b>".to_owned(), "http://example.org/?a&b\u{0}".to_owned()));
    run.trials[4].reason = Some("</td>".to_owned());
    run.trials[8].reason = Some("</table><img src=x>".to_owned());
    run.trials[0].name = Some("</text><a>".to_owned());
    run.samples[0].tokens = "<svg> & g id id \">".to_owned();
    let page = page(&run);
    assert!(page.contains("&lt;script&gt;") && page.contains("&lt;/table&gt;&lt;img src=x&gt;"));
    assert!(page.contains("http://example.org/?a&amp;b "));
    assert!(page.contains("where(g &lt; 0"));
}

#[test]
fn an_empty_run_says_so() {
    let page = page(&RunRecord::default());
    assert_eq!(headings(&page), ["Summary"]);
    assert!(page.contains("Nothing has been sampled yet."));
}

#[test]
fn runs_of_a_few_trials_have_a_page() {
    for trials in 1..6 {
        assert!(headings(&page(&sample::run(trials))).contains(&"Rewards"));
    }
    let mut pending = sample::run(1);
    pending.trials.truncate(5);
    pending.trials[4].state = TrialState::Pending;
    pending.trials[4].reward = None;
    assert!(!headings(&page(&pending)).contains(&"Rewards"));
}

#[test]
fn a_run_in_which_all_diverged_has_its_reasons() {
    let mut run = sample::run_all_diverged(20);
    let with_baselines = page(&run);
    assert!(with_baselines.contains("<td class=\"n\">20</td><td>the loss is inf</td>"));
    run.trials.retain(|trial| trial.number >= 4);
    let page = page(&run);
    assert!(!headings(&page).contains(&"Best rules"));
    assert!(headings(&page).contains(&"Rules without a result"));
}

#[test]
fn a_task_without_accuracies_is_judged_by_its_reward() {
    let page = page(&sample::run_without_accuracy(40));
    assert!(!page.contains("ccuracy"));
    assert!(page.contains(">Pareto front</text>") && page.contains("\u{2212}2."));
}

#[test]
fn without_measured_times_their_plot_is_left_out() {
    let page = page_with(&sample::run(40), &BTreeMap::new());
    assert!(!page.contains("Time of a step") && page.contains("Memory of the states"));
}

#[test]
fn numbers_that_are_none_are_not_drawn() {
    let mut run = sample::run(40);
    run.trials[5].reward = Some(f64::NAN);
    run.trials[6].reward = Some(f64::NEG_INFINITY);
    run.trials[7].validation_accuracy = Some(f64::INFINITY);
    run.updates[0].update.mean_reward = f64::NAN;
    page(&run);
}

#[test]
fn a_long_run_has_a_page_that_loads() {
    let page = page(&sample::run(10_000));
    assert!(page.len() < 1_000_000, "{}", page.len());
}

#[test]
fn an_evaluation_has_a_section_after_the_rewards() {
    let mut run = sample::run(40);
    let heading = "With seeds that the search has not used";
    let before = page(&run);
    assert!(!headings(&before).contains(&heading) && before.contains("nosc evaluate DIR"));
    run.evaluation.seeds = sample::judged();
    let longer = page(&run);
    assert_eq!(headings(&longer)[1..3], ["Rewards", heading]);
    assert!(!longer.contains("nosc evaluate DIR"));
    assert!(longer.contains("for 100 steps with 3 seeds") && longer.contains("baseline, Adam,"));
    let best = "<td class=\"n\">94.00 \u{b1} 1.00\u{2009}%</td><td class=\"n\">92.00 \u{b1} 1.00\u{2009}%</td>\
                <td class=\"n\">96.00\u{2009}%</td><td class=\"n\">+2.00 points (+2.4)</td>";
    assert!(longer.contains(best), "{longer}");
    assert!(longer.contains("1 of 3 diverged") && longer.contains("trains at no rate"));
    assert!(!longer.contains("luck:"));
    run.evaluation.is_as_in_search = true;
    // (0.02 + 0.36) / 2 and (0.02 - 0.02) / 2.
    let luck = "chosen by them, +19.00 points, those of the baselines ";
    assert!(page(&run).contains(luck));
}

#[test]
fn of_a_funnel_the_last_round_is_shown() {
    let mut run = sample::run(40);
    let mut judged = sample::judged();
    let reason = Some(Reason::NotAmong { best: 1 });
    judged[0].fate = Some(Fate { round: 2, goes_on: false, reason });
    let what = "3 times as <long>".to_owned();
    run.evaluation.funnel = Some(LastRound { number: 2, what, is_last: false, judged });
    let page = page(&run);
    assert!(page.contains("<h3>Round 2 of the funnel: 3 times as &lt;long&gt;</h3>"));
    assert!(page.contains("not come to its last round.</p>"));
    assert!(page.contains("<th scope=\"col\">goes on</th>"));
    assert!(page.contains("<td>no: not among the best 1</td>"));
    assert!(!page.contains("nosc evaluate DIR"));
}
