//! Any line is a token string with one key, by the quick way and by way of its tree, or an error with a place.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nosc_compiler::Rule;
use nosc_compiler::canonical::{Canonicalizer, Level};

fuzz_target!(|line: &str| {
    let rule = Rule::from_tokens(line);
    for level in Level::ALL {
        let mut canonicalizer = Canonicalizer::new(level);
        match (&rule, canonicalizer.key_of_tokens(line)) {
            (Ok(rule), Ok(key)) => assert_eq!(key, canonicalizer.key(rule), "{level}: {line}"),
            (Err(_), Err(errors)) => {
                for problem in &errors.problems {
                    assert!(errors.text.get(problem.span().range()).is_some(), "{problem:?}");
                }
            }
            (Ok(_), Err(errors)) => panic!("{level}: {line}: {errors}"),
            (Err(errors), Ok(key)) => panic!("{level}: {line}: {key}, but {errors}"),
        }
    }
});
