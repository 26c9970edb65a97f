//! Choices of the language where the paper is silent, which no other test names, and the page that lists all.

use std::ops::ControlFlow;
use std::sync::Mutex;

use nosc_compiler::Rule;
use nosc_controller::outcome::Stage;
use nosc_controller::stepper::{MakeStepper, Stepper, StepperError, StepperSettings};
use nosc_controller::task::rosenbrock::Rosenbrock;
use nosc_controller::task::{Budget, Task};
use nosc_runtime::Settings;
use nosc_tests::documents::documents;
use nosc_tests::{Run, read, root, rule};

fn is_same(a: &str, b: &str) -> bool {
    rule(a).same_as(&rule(b))
}

#[test]
fn a_written_exponent_up_to_four_is_a_product() {
    for (power, product) in [
        ("g^2", "g*g"),
        ("g^3", "(g*g)*g"),
        ("g^4", "(g*g)*(g*g)"),
        ("g^-2", "1/(g*g)"),
        ("g^1", "g"),
    ] {
        assert!(is_same(power, product), "{power}");
    }
    for power in ["g^2.0", "g^(1 + 1)", "g^5", "{ param p = 2; update = g^p }"] {
        assert!(!is_same(power, "g*g") && rule(power).to_text().contains('^'), "{power}");
    }
}

/// In a step at 0, with gradients that are 1, what a formula is at the first elements.
fn values(formula: &str, steps: u64, total: u64, count: usize) -> Vec<f32> {
    let text = format!("{{ state s = {formula}\n update = s + g }}");
    let settings = Settings { total_steps: Some(total), ..Settings::default() };
    let mut run = Run::new(&text, &[count], settings);
    for _ in 0..steps {
        run.step_with(&[vec![1.0; count]], 0.0).unwrap();
    }
    run.states()[0][0].to_vec()
}

#[test]
fn decays_keep_their_last_value_after_the_last_step() {
    for decay in ["ld", "cd", "cd(2)", "rd(4)"] {
        let at = |steps| values(&format!("{decay} + 0*w"), steps, 8, 1)[0];
        // Step number t is that of call t + 1.
        assert_eq!(at(9), at(20), "{decay}");
        assert_ne!(at(1), at(4), "{decay}");
    }
}

/// `cd(n)` has n whole waves over a training, `rd(n)` n halves of one, each from the top.
#[test]
fn cosine_decays_count_waves_and_restarts_count_halves() {
    let at = |decay: &str, step: u64| values(&format!("{decay} + 0*w"), step + 1, 8, 1)[0];
    assert!((at("cd", 8) - 0.0).abs() < 1e-7 && (at("cd(1)", 8) - 1.0).abs() < 1e-7);
    assert!((at("rd(2)", 3) - at("rd(1)", 6)).abs() < 1e-7 && at("rd(2)", 4) == 1.0);
}

#[test]
fn noise_is_one_draw_an_element_however_often_it_stands() {
    assert!(values("eps - eps", 1, 1, 8).iter().all(|x| *x == 0.0));
    let (once, twice) = (values("eps", 1, 1, 8), values("eps + eps", 1, 1, 8));
    assert!(once.iter().zip(&twice).all(|(a, b)| 2.0 * a == *b) && once[0] != once[1]);
}

#[test]
fn what_is_not_dropped_is_not_scaled() {
    let found = values("drop(g, 0.5)", 1, 1, 64);
    assert!(found.contains(&0.0) && found.contains(&1.0));
    assert!(found.iter().all(|x| *x == 0.0 || *x == 1.0));
}

#[test]
fn tokens_are_functions_of_magnitudes_and_division_adds_delta() {
    let pairs = [
        ("g 1 log id left", "log(abs(g))"),
        ("g 1 sqrt id left", "sqrt(abs(g))"),
        ("g m id id div", "g/(m + delta)"),
        ("g m id id left", "g"),
    ];
    for (tokens, formula) in pairs {
        assert!(Rule::from_tokens(tokens).unwrap().same_as(&rule(formula)), "{tokens}");
    }
}

/// Descends, and remembers the totals that children had.
#[derive(Debug, Default)]
struct Descent(Mutex<Vec<u64>>);

struct Descending(f32);

impl MakeStepper for Descent {
    fn make(&self, settings: &StepperSettings<'_>) -> Result<Box<dyn Stepper>, StepperError> {
        self.0.lock().unwrap().push(settings.total_steps);
        Ok(Box::new(Descending(settings.learning_rate as f32)))
    }
}

impl Stepper for Descending {
    fn step(
        &mut self,
        parameters: &mut [&mut [f32]],
        gradients: &[&[f32]],
    ) -> Result<(), StepperError> {
        for (w, g) in parameters.iter_mut().zip(gradients).flat_map(|(w, g)| w.iter_mut().zip(*g)) {
            *w -= self.0 * g;
        }
        Ok(())
    }
}

#[test]
fn the_total_of_a_decay_is_the_steps_of_the_child_at_hand() {
    let maker = Descent::default();
    let long = Budget::new(1e-4, 20, 0);
    for budget in [Budget { stage: Stage::Sweep, ..Budget::new(1e-4, 7, 0) }, long] {
        Rosenbrock.train(&maker, &budget, &mut |_| ControlFlow::Continue(())).unwrap();
    }
    assert_eq!(*maker.0.lock().unwrap(), [7, 20]);
}

/// Each row names tests, as `file` `function` pairs, or says that nothing holds it; each page with marks is linked from as many rows.
#[test]
fn the_page_of_choices_lists_all_marks_and_tests_that_are_there() {
    let page = read("docs/choices.md");
    let is_row = |line: &&str| line.starts_with("| ") && !line.starts_with("| choice |");
    let rows: Vec<&str> = page.lines().filter(is_row).collect();
    for row in &rows {
        let (_, tests) = row.trim_end_matches(" |").rsplit_once(" | ").unwrap();
        let names: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert_eq!(names.is_empty(), tests == "nothing", "{row}");
        for pair in names.chunks(2) {
            let [file, function] = pair else { panic!("a file and a function: {row}") };
            assert!(root().join(file).is_file(), "{file}");
            assert!(read(file).contains(&format!("fn {function}()")), "{file} has no {function}");
        }
    }
    for document in documents().iter().filter(|page| page.path != "docs/choices.md") {
        // The sentence that says what the mark means is none.
        let marks = document.text.matches("**[choice]**").count()
            - document.text.matches("marked **[choice]**").count();
        let link = format!("({}", document.path.trim_start_matches("docs/"));
        let linked = rows.iter().filter(|row| row.contains(&link)).count();
        assert!(linked >= marks, "{} has {marks} choices, {linked} are listed", document.path);
    }
    assert!(rows.len() >= 20, "{}", rows.len());
}
