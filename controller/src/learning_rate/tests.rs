//! Borders, printing and refusals of stepwise decay.

use super::{LearningRate, LearningRateError, MAX_SHARES, UNITS};
use crate::random::Random;

fn schedule(text: &str) -> LearningRate {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn factors(text: &str, total: u64) -> Vec<f64> {
    (0..total).map(|step| schedule(text).at(step, total)).collect()
}

#[test]
fn a_share_counts_from_the_first_step_that_has_it_behind() {
    assert_eq!(factors("step(0.5, 50%)", 4), [1.0, 1.0, 0.5, 0.5]);
    assert_eq!(factors("step(0.5, 50%)", 3), [1.0, 1.0, 0.5]);
    assert_eq!(factors("step(0.5, 50%)", 1), [1.0]);
    assert_eq!(factors("step(0.5, 25%, 50%, 75%)", 4), [1.0, 0.5, 0.25, 0.125]);
    assert_eq!(factors("step(2, 0.1, 0.2)", 5), [1.0, 4.0, 4.0, 4.0, 4.0]);
    assert_eq!(factors("step(0.5, 99.9%)", 5), [1.0; 5]);
}

#[test]
fn borders_are_exact_where_floats_are_not() {
    // In f64 0.07 * 100 is above 7 and 0.29 * 100 is below 29.
    for percent in 1..100 {
        for decay in [format!("step(0.5, {percent}%)"), format!("step(0.5, 0.{percent:02})")] {
            let decay = schedule(&decay);
            for scale in [1, 7, 1 << 40, u64::MAX / 100] {
                let border = percent * scale;
                assert_eq!(decay.at(border - 1, 100 * scale), 1.0, "{decay}");
                assert_eq!(decay.at(border, 100 * scale), 0.5, "{decay}");
            }
        }
    }
    let third = schedule("step(0.5, 0.333333333333333333)");
    assert_eq!((third.at(0, 3), third.at(1, 3)), (1.0, 0.5));
    let above = schedule("step(0.5, 0.333333333333333334)");
    assert_eq!((above.at(1, 3), above.at(2, 3)), (1.0, 0.5));
}

#[test]
fn the_last_factor_stays_and_no_steps_are_all_behind() {
    let decay = schedule("step(0.1, 50%, 75%)");
    assert_eq!(decay.at(u64::MAX, 4), 0.1 * 0.1);
    assert_eq!(decay.at(0, 0), 0.1 * 0.1);
    assert_eq!(decay.at(u64::MAX, u64::MAX), 0.1 * 0.1);
    assert_eq!(decay.at(0, u64::MAX), 1.0);
}

#[test]
fn spaces_and_zeros_change_nothing() {
    let wanted = schedule("step(0.1, 50%, 75%)");
    for text in [" step ( 1e-1 ,50 %,.75 ) ", "step(0.10, 050.00%, 0.750)", "step(+.1, 0.5, 75.%)"]
    {
        assert_eq!(schedule(text), wanted, "{text}");
    }
}

#[test]
fn what_is_printed_parses_back() {
    assert_eq!(schedule("step(.2, .5, 0.62500)").to_string(), "step(0.2, 50%, 62.5%)");
    assert_eq!(schedule("step(1e-20, 1%)").to_string(), "step(1e-20, 1%)");
    let smallest = "step(0.5, 0.0000000000000001%, 99.9999999999999999%)";
    assert_eq!(schedule(smallest).to_string(), smallest);
}

#[test]
fn any_schedule_parses_back_and_steps_by_its_shares() {
    let mut random = Random::new(5, 0);
    for _ in 0..2_000 {
        let count = 1 + random.below(6) as usize;
        let mut shares: Vec<u64> =
            (0..count).map(|_| 1 + random.next_u64() % (UNITS - 1)).collect();
        shares.sort_unstable();
        shares.dedup();
        let factor = 10_f64.powi(random.below(20) as i32 - 10) * f64::from(random.uniform() + 0.1);
        let written: Vec<String> = shares.iter().map(|share| format!("0.{share:018}")).collect();
        let decay = schedule(&format!("step({factor:?}, {})", written.join(",")));
        assert_eq!(schedule(&decay.to_string()), decay, "{decay}");

        let total = random.next_u64() >> random.below(64);
        let mut steps: Vec<u64> = (0..10).map(|_| random.next_u64() % total.max(1)).collect();
        steps.sort_unstable();
        for step in steps {
            let behind = |share: &&u64| {
                // In another order than `at` has: the least step, rounded up.
                let border = (u128::from(**share) * u128::from(total)).div_ceil(u128::from(UNITS));
                u128::from(step) >= border
            };
            let passed = shares.iter().filter(behind).count();
            let wanted = (0..passed).fold(1.0, |product, _| product * factor);
            assert_eq!(
                decay.at(step, total).to_bits(),
                wanted.to_bits(),
                "{decay} at {step}/{total}"
            );
        }
    }
}

/// The message holds the way out.
#[track_caller]
fn check_refused(text: &str, wanted: &str) {
    let error = text.parse::<LearningRate>().expect_err(text);
    assert!(error.to_string().contains(wanted), "{text}: {error}");
}

#[test]
fn refusals_name_the_way_out() {
    for text in ["", "ld * cd", "step", "steps(0.1, 50%)", "step(0.1, 50%", "step 0.1, 50%"] {
        check_refused(text, "write `step(FACTOR, SHARE, ...)`");
    }
    for factor in ["", "0", "-0.1", "nan", "inf", "1e400", "ten", "50%"] {
        check_refused(&format!("step({factor}, 50%)"), "is not a positive, finite number");
    }
    for share in ["", "0", "0%", "100%", "1", "1.5", "-5%", "5e1%", "%", ".", "50%%", "nan", "1_0%"]
    {
        check_refused(&format!("step(0.1, {share})"), "write a percentage above 0%");
    }
    check_refused("step(0.1)", "such as `step(0.1, 50%)`");
    check_refused("step(0.1, 0.0000000000000000001)", "at most 18 after the point");
    check_refused("step(0.1, 50%, 50%)", "50% stands after 50%");
    check_refused("step(0.1, 75%, 0.5)", "50% stands after 75%");
    check_refused("step(1e-300, 50%, 75%)", "write one closer to 1");
    check_refused("step(1e300, 50%, 75%)", "write one closer to 1");
}

#[test]
fn long_texts_are_refused_with_short_messages() {
    let shares: Vec<String> = (1..=MAX_SHARES + 1).map(|n| format!("0.{n:03}")).collect();
    check_refused(&format!("step(0.9, {})", shares.join(",")), "leave some out");
    assert!(
        format!("step(0.9, {})", shares[..MAX_SHARES].join(",")).parse::<LearningRate>().is_ok()
    );
    for text in [
        "(".repeat(100_000),
        format!("step({})", "9".repeat(100_000)),
        format!("step(0.1, {}%)", "9".repeat(100_000)),
    ] {
        let error = text.parse::<LearningRate>().expect_err("a long text").to_string();
        assert!(error.len() < 200, "{error}");
    }
    assert_eq!(
        "step(0.1, \u{1F980})".parse::<LearningRate>(),
        Err(LearningRateError::Share { text: "\u{1F980}".to_owned() })
    );
}

#[test]
fn a_formula_is_told_apart() {
    for text in ["step(", " step (0.1, 50%)", "step(0.1"] {
        assert!(LearningRate::is_stepwise(text), "{text}");
    }
    for text in ["ld * cd", "step", "stepwise(0.1)", "0.5*step(0.1, 50%)", ""] {
        assert!(!LearningRate::is_stepwise(text), "{text}");
    }
}
